/** ResourceSlices: a taint that does not say since when counts from when it is written. */
import type { ResourceSlice } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { timestamp } from '../timestamp.ts';
import type { WriteContext } from '../server-state.ts';
import type { Strategy } from './strategy.ts';

export const resourceSliceStrategy: Strategy = {
  countsDropped: true,
  prepareCreate: startTaints,
  prepareUpdate: (object, _old, context) => startTaints(object, context),
};

function startTaints(object: ApiObject, { server }: Pick<WriteContext, 'server'>): void {
  for (const { taints = [] } of (object as unknown as ResourceSlice).spec?.devices ?? [])
    for (const taint of taints) taint.timeAdded ??= timestamp(server.now());
}
