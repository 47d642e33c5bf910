/**
 * Tokens that a node may ask for: bound to a pod that runs on it, and for an audience that the pod's volumes name, be it
 * by the driver behind them, or that an authorizer grants (`request-serviceaccounts-token-audience`).
 */
import type {
  CSIDriver,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  TokenRequest,
  Volume,
} from '@timonier/api';
import { notFound, type QualifiedResource, StatusError } from '@timonier/api/statuses';
import { claimOf } from '../../authorization/pod-references.ts';
import { cachedObject } from '../cached.ts';
import { type AdmissionRequest, refusal } from '../request.ts';

/** Drivers that stand in for sources of volumes which were once built in. As upstream's csi-translation-lib. */
const migrated: readonly (readonly [keyof Volume & keyof NonNullable<PersistentVolume['spec']>, string])[] = [
  ['awsElasticBlockStore', 'ebs.csi.aws.com'],
  ['azureDisk', 'disk.csi.azure.com'],
  ['azureFile', 'file.csi.azure.com'],
  ['cinder', 'cinder.csi.openstack.org'],
  ['gcePersistentDisk', 'pd.csi.storage.gke.io'],
  ['portworxVolume', 'pxd.portworx.com'],
  ['vsphereVolume', 'csi.vsphere.vmware.com'],
];

export async function checkTokenRequest(request: AdmissionRequest, node: string): Promise<void> {
  if (request.operation !== 'CREATE') return;
  const { server, target } = request.context;
  const { spec } = request.object as unknown as TokenRequest;
  const { apiVersion, kind, name = '', uid = '' } = spec?.boundObjectRef ?? {};
  if (apiVersion !== 'v1' || kind !== 'Pod' || name === '')
    throw refusal(request, 'node requested token not bound to a pod');
  if (uid === '') throw refusal(request, 'node requested token with a pod binding without a uid');
  const pod = cachedObject<Pod>(server, 'pods', target.namespace, name);
  if (pod === undefined) throw missing('pod', name);
  if (uid !== pod.metadata?.uid)
    throw refusal(
      request,
      `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  if (pod.spec?.nodeName !== node)
    throw refusal(request, 'node requested token bound to a pod scheduled on a different node');
  await checkAudience(request, pod, spec?.audiences ?? []);
}

async function checkAudience(
  request: AdmissionRequest,
  pod: Readonly<Pod>,
  audiences: readonly string[],
): Promise<void> {
  if (audiences.length > 1) throw refusal(request, 'node may only request 0 or 1 audiences');
  const [audience = ''] = audiences;
  const failures: string[] = [];
  for (const volume of pod.spec?.volumes ?? [])
    try {
      if (namesAudience(request, pod, volume, audience)) return;
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      failures.push(error.message);
    }
  const [first, ...more] = failures;
  if (first !== undefined) {
    const all = more.length === 0 ? first : `[${failures.join(', ')}]`;
    throw refusal(request, `error validating audience ${JSON.stringify(audience)}: ${all}`);
  }
  const { server, user, target } = request.context;
  const { verdict, error } = await server.authorizer.decide(user, {
    path: '',
    verb: 'request-serviceaccounts-token-audience',
    group: '',
    version: 'v1',
    resource: audience,
    subresource: '',
    namespace: target.namespace,
    name: target.name,
  });
  if (verdict === 'allow') return;
  const unnamed = `audience ${JSON.stringify(audience)} not found in pod spec volume`;
  throw refusal(
    request,
    error === undefined
      ? `${unnamed}, ${user.name} is not authorized to request tokens for this audience`
      : `${unnamed}, error authorizing ${user.name} to request tokens for this audience: ${error}`,
  );
}

/** Throws when something on the way to the driver is not there. */
function namesAudience(
  request: AdmissionRequest,
  pod: Readonly<Pod>,
  volume: Volume,
  audience: string,
): boolean {
  const sources = volume.projected?.sources ?? [];
  if (sources.some(({ serviceAccountToken: token }) => token && (token.audience ?? '') === audience))
    return true;
  const name = driverOf(request, pod, volume);
  if (name === '') return false;
  const driver = cachedObject<CSIDriver>(request.context.server, 'csidrivers', '', name);
  if (driver === undefined) throw missing('csidriver', name, 'storage.k8s.io');
  return (driver.spec?.tokenRequests ?? []).some((wanted) => (wanted.audience ?? '') === audience);
}

/** The CSI driver behind a volume; empty for none. */
function driverOf(request: AdmissionRequest, pod: Readonly<Pod>, volume: Volume): string {
  const claimName = claimOf(pod, volume);
  if (claimName === undefined) return volume.csi?.driver ?? migratedTo(volume);
  const { server, target } = request.context;
  const claim = cachedObject<PersistentVolumeClaim>(
    server,
    'persistentvolumeclaims',
    target.namespace,
    claimName,
  );
  if (claim === undefined) throw missing('persistentvolumeclaim', claimName);
  const volumeName = claim.spec?.volumeName ?? '';
  const found = cachedObject<PersistentVolume>(server, 'persistentvolumes', '', volumeName);
  if (found === undefined) throw missing('persistentvolume', volumeName);
  return found.spec?.csi?.driver ?? migratedTo(found.spec ?? {});
}

function migratedTo(source: object): string {
  return migrated.find(([kind]) => Object.hasOwn(source, kind))?.[1] ?? '';
}

/** As listers upstream say it. */
function missing(resource: string, name: string, group = ''): StatusError {
  const type: QualifiedResource = { group, resource };
  return new StatusError(notFound(type, name));
}
