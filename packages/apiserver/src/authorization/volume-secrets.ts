/** The Secrets that a node needs to mount a PersistentVolume. As upstream's `VisitPVSecretNames`. Pure. */
import type { PersistentVolume } from '@timonier/api';

interface Reference {
  readonly name?: string;
  readonly namespace?: string;
}

/** What the controllers of a driver need is not among them. */
export function secretsOfVolume({ spec }: PersistentVolume): readonly Required<Reference>[] {
  if (spec === undefined) return [];
  const { azureFile, cephfs, cinder, flexVolume, rbd, scaleIO, iscsi, storageos, csi } = spec;
  const claimNamespace = spec.claimRef?.namespace ?? '';
  // Older volumes name none, and mean that of the claim.
  const inherited = [cephfs, flexVolume, rbd, scaleIO, iscsi].map((source) => source?.secretRef);
  const spelledOut: readonly (Reference | undefined)[] = [
    cinder?.secretRef,
    storageos?.secretRef,
    csi?.nodePublishSecretRef,
    csi?.nodeStageSecretRef,
    csi?.nodeExpandSecretRef,
  ];
  return [
    { name: azureFile?.secretName ?? '', namespace: azureFile?.secretNamespace || claimNamespace },
    ...inherited.map((one) => ({ name: one?.name ?? '', namespace: one?.namespace || claimNamespace })),
    ...spelledOut.map((one) => ({ name: one?.name ?? '', namespace: one?.namespace ?? '' })),
  ].filter(({ name }) => name !== '');
}
