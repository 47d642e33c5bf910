/** Rows of device claims, quotas, and of what the control plane says of itself. */
import type {
  ComponentStatus,
  ControllerRevision,
  ResourceClaim,
  ResourceQuota,
  ResourceSlice,
} from '../generated/types.ts';
import { NONE, since, type Cell } from './cell.ts';

type Row = Readonly<Record<string, Cell>>;

export function quotaRow({ metadata, status }: ResourceQuota, now: number): Row {
  const lines = (wanted: (name: string) => boolean): string =>
    Object.entries(status?.hard ?? {})
      .filter(([name]) => wanted(name))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, hard]) => `${name}: ${status?.used?.[name] ?? '0'}/${hard}`)
      .join(', ');
  const isLimit = (name: string): boolean => name.startsWith('limits.');
  return {
    Name: metadata?.name ?? '',
    Request: lines((name) => !isLimit(name)),
    Limit: lines(isLimit),
    Age: since(metadata?.creationTimestamp, now),
  };
}

export function componentRow({ metadata, conditions }: ComponentStatus): Row {
  const healthy = conditions?.find(({ type }) => type === 'Healthy');
  return {
    Name: metadata?.name ?? '',
    Status: healthy?.status === 'True' ? 'Healthy' : healthy?.status === 'False' ? 'Unhealthy' : 'Unknown',
    Message: healthy?.message ?? '',
    Error: healthy?.error ?? '',
  };
}

export function revisionRow({ metadata, revision }: ControllerRevision, now: number): Row {
  const owner = metadata?.ownerReferences?.find(({ controller }) => controller === true);
  const group = owner?.apiVersion.includes('/') === true ? `.${owner.apiVersion.split('/')[0]}` : '';
  return {
    Name: metadata?.name ?? '',
    Controller: owner === undefined ? NONE : `${owner.kind.toLowerCase()}${group}/${owner.name}`,
    Revision: revision,
    Age: since(metadata?.creationTimestamp, now),
  };
}

export function deviceClaimRow({ metadata, status }: ResourceClaim, now: number): Row {
  const isDeleted = metadata?.deletionTimestamp !== undefined;
  const states = isDeleted ? ['deleted'] : [];
  if (status?.allocation === undefined) {
    if (!isDeleted) states.push('pending');
  } else {
    states.push('allocated');
    if ((status.reservedFor ?? []).length > 0) states.push('reserved');
  }
  return {
    Name: metadata?.name ?? '',
    State: states.join(','),
    Age: since(metadata?.creationTimestamp, now),
  };
}

export function resourceSliceRow({ metadata, spec }: ResourceSlice, now: number): Row {
  return {
    Name: metadata?.name ?? '',
    Node: spec?.nodeName ?? '',
    Driver: spec?.driver ?? '',
    Pool: spec?.pool?.name ?? '',
    Age: since(metadata?.creationTimestamp, now),
  };
}
