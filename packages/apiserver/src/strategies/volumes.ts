/** Persistent volumes and claims: the phase they begin in, and the two names of a claim's data source. */
import type { PersistentVolume, PersistentVolumeClaim } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { timestamp } from '../pipeline/prepare.ts';
import type { Strategy } from './strategy.ts';

export const volumeStrategy: Strategy = {
  prepareCreate(object, { server }) {
    (object as unknown as PersistentVolume).status = {
      phase: 'Pending',
      lastPhaseTransitionTime: timestamp(server.now()),
    };
  },
  subresources: {
    status(object, old, { server }) {
      const { status } = object as unknown as PersistentVolume;
      const before = (old as unknown as PersistentVolume).status;
      if (status === undefined) return;
      if (status.phase !== before?.phase) status.lastPhaseTransitionTime = timestamp(server.now());
      else if (status.lastPhaseTransitionTime === undefined && before?.lastPhaseTransitionTime !== undefined)
        status.lastPhaseTransitionTime = before.lastPhaseTransitionTime;
    },
  },
};

export const claimStrategy: Strategy = {
  prepareCreate(object) {
    (object as unknown as PersistentVolumeClaim).status = { phase: 'Pending' };
    joinDataSources(object);
  },
  prepareUpdate: joinDataSources,
};

/** Clients of different ages read different fields. */
function joinDataSources(object: ApiObject): void {
  const { spec } = object as unknown as PersistentVolumeClaim;
  if (spec === undefined) return;
  const { dataSource, dataSourceRef } = spec;
  if (dataSource !== undefined && dataSourceRef === undefined) spec.dataSourceRef = { ...dataSource };
  else if (dataSourceRef !== undefined && dataSource === undefined && !dataSourceRef.namespace) {
    const { namespace: _same, ...source } = dataSourceRef;
    spec.dataSource = source;
  }
}
