/**
 * DaemonSets: an annotation of old counts the changes of the template. Nothing reads it any more, but clients that compare
 * objects see it.
 */
import type { DaemonSet } from '@timonier/api';
import { templateGeneration } from '@timonier/api/defaults';
import type { ApiObject } from '@timonier/api/decode';
import { sameTree } from '../storage/copy.ts';
import type { Strategy } from './strategy.ts';

export const daemonSetStrategy: Strategy = {
  prepareCreate(object) {
    setGeneration(object, 1);
  },
  prepareUpdate(object, old) {
    const templateOf = (one: ApiObject): unknown => (one as unknown as DaemonSet).spec?.template;
    const before = Number(old.metadata?.annotations?.[templateGeneration] ?? '0');
    setGeneration(object, sameTree(templateOf(object), templateOf(old)) ? before : before + 1);
  },
};

function setGeneration(object: ApiObject, generation: number): void {
  const { metadata } = object;
  const annotations = { ...metadata?.annotations, [templateGeneration]: String(generation) };
  object.metadata = { ...metadata, annotations };
}
