/** Classes of priority: those of the system stay, because pods of the cluster itself are made with their names. */
import { forbidden, StatusError } from '@timonier/api/statuses';
import type { Strategy } from './strategy.ts';

const ofTheSystem: ReadonlySet<string> = new Set(['system-node-critical', 'system-cluster-critical']);

export const priorityClassStrategy: Strategy = {
  keepsGeneration: true,
  checkDelete(object, { target }) {
    const name = object.metadata?.name ?? '';
    if (ofTheSystem.has(name))
      throw new StatusError(
        forbidden(target.info, name, 'this is a system priority class and cannot be deleted'),
      );
  },
};
