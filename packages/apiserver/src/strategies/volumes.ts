/** Persistent volumes and claims: the phase they begin in, and the two names of a claim's data source. */
import type { PersistentVolume, PersistentVolumeClaim } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { timestamp } from '../timestamp.ts';
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
    dropUnservedSources(object, undefined);
    joinDataSources(object);
  },
  prepareUpdate(object, old) {
    dropUnservedSources(object, old);
    joinDataSources(object);
  },
};

const snapshotGroup = 'snapshot.storage.k8s.io';

/** The older field means claims and snapshots only; the newer one, nothing in another namespace. */
function dropUnservedSources(object: ApiObject, old: ApiObject | undefined): void {
  const { spec } = object as unknown as PersistentVolumeClaim;
  const before = (old as unknown as PersistentVolumeClaim | undefined)?.spec;
  if (spec === undefined) return;
  const { dataSource, dataSourceRef } = spec;
  if (dataSourceRef?.namespace && !before?.dataSourceRef?.namespace) delete spec.dataSourceRef;
  if (dataSource === undefined || before?.dataSource !== undefined) return;
  const { apiGroup = '', kind, name } = dataSource;
  const isClaim = kind === 'PersistentVolumeClaim' && apiGroup === '' && name !== '';
  const isSnapshot = kind === 'VolumeSnapshot' && apiGroup === snapshotGroup;
  if (!isClaim && !isSnapshot) delete spec.dataSource;
}

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
