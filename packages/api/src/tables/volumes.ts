/** Rows of storage kinds. */
import type {
  CSIDriver,
  CSINode,
  PersistentVolume,
  PersistentVolumeClaim,
  StorageClass,
  VolumeAttachment,
  VolumeAttributesClass,
} from '../generated/types.ts';
import { NONE, since, UNSET, type Cell } from './cell.ts';

type Row = Readonly<Record<string, Cell>>;

const SHORT_MODES: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
};

/** Each mode once, in upstream's order. */
function accessModes(modes: readonly string[] | undefined): string {
  const order = Object.keys(SHORT_MODES).filter((mode) => modes?.includes(mode));
  return order.map((mode) => SHORT_MODES[mode]).join(',');
}

export function volumeRow({ metadata, spec, status }: PersistentVolume, now: number): Row {
  const claim = spec?.claimRef;
  return {
    Name: metadata?.name ?? '',
    Capacity: spec?.capacity?.['storage'] ?? '',
    'Access Modes': accessModes(spec?.accessModes),
    'Reclaim Policy': spec?.persistentVolumeReclaimPolicy ?? '',
    Status: metadata?.deletionTimestamp ? 'Terminating' : (status?.phase ?? ''),
    Claim: claim === undefined ? '' : `${claim.namespace ?? ''}/${claim.name ?? ''}`,
    StorageClass: spec?.storageClassName ?? '',
    VolumeAttributesClass: spec?.volumeAttributesClassName ?? UNSET,
    Reason: status?.reason ?? '',
    Age: since(metadata?.creationTimestamp, now),
    VolumeMode: spec?.volumeMode ?? UNSET,
  };
}

export function claimRow({ metadata, spec, status }: PersistentVolumeClaim, now: number): Row {
  const volume = spec?.volumeName ?? '';
  return {
    Name: metadata?.name ?? '',
    Status: metadata?.deletionTimestamp ? 'Terminating' : (status?.phase ?? ''),
    Volume: volume,
    Capacity: volume === '' ? '' : (status?.capacity?.['storage'] ?? ''),
    'Access Modes': volume === '' ? '' : accessModes(status?.accessModes),
    StorageClass: spec?.storageClassName ?? '',
    VolumeAttributesClass: spec?.volumeAttributesClassName ?? UNSET,
    Age: since(metadata?.creationTimestamp, now),
    VolumeMode: spec?.volumeMode ?? UNSET,
  };
}

const DEFAULT_CLASS = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
];

export function storageClassRow(storage: StorageClass, now: number): Row {
  const { metadata } = storage;
  const isDefault = DEFAULT_CLASS.some((key) => metadata?.annotations?.[key] === 'true');
  return {
    Name: `${metadata?.name ?? ''}${isDefault ? ' (default)' : ''}`,
    Provisioner: storage.provisioner,
    ReclaimPolicy: storage.reclaimPolicy ?? 'Delete',
    VolumeBindingMode: storage.volumeBindingMode ?? 'Immediate',
    AllowVolumeExpansion: storage.allowVolumeExpansion ?? false,
    Age: since(metadata?.creationTimestamp, now),
  };
}

export function attachmentRow({ metadata, spec, status }: VolumeAttachment, now: number): Row {
  return {
    Name: metadata?.name ?? '',
    Attacher: spec?.attacher ?? '',
    PV: spec?.source?.persistentVolumeName ?? '',
    Node: spec?.nodeName ?? '',
    Attached: status?.attached ?? false,
    Age: since(metadata?.creationTimestamp, now),
  };
}

export function attributesClassRow(attributes: VolumeAttributesClass, now: number): Row {
  return {
    Name: attributes.metadata?.name ?? '',
    DriverName: attributes.driverName,
    Age: since(attributes.metadata?.creationTimestamp, now),
  };
}

export function csiDriverRow({ metadata, spec }: CSIDriver, now: number): Row {
  const requests = spec?.tokenRequests ?? [];
  return {
    Name: metadata?.name ?? '',
    AttachRequired: spec?.attachRequired ?? true,
    PodInfoOnMount: spec?.podInfoOnMount ?? false,
    StorageCapacity: spec?.storageCapacity ?? false,
    TokenRequests: requests.length === 0 ? UNSET : requests.map(({ audience }) => audience).join(','),
    RequiresRepublish: spec?.requiresRepublish ?? false,
    Modes: (spec?.volumeLifecycleModes ?? []).join(',') || NONE,
    Age: since(metadata?.creationTimestamp, now),
  };
}

export function csiNodeRow({ metadata, spec }: CSINode, now: number): Row {
  return {
    Name: metadata?.name ?? '',
    Drivers: spec?.drivers?.length ?? 0,
    Age: since(metadata?.creationTimestamp, now),
  };
}
