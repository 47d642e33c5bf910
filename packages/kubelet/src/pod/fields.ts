/** The downward API: fields and resources of a pod as text, for environment variables and files. Pure. */
import { quantityMilli, type Container, type Pod } from '@timonier/api';

export interface FieldContext {
  readonly pod: Pod;
  readonly podIps: readonly string[];
  readonly hostIp: string;
  readonly nodeName: string;
  /** What counts as the limit of a container that has none. */
  readonly allocatable: { readonly cpuMilli: number; readonly memoryBytes: number };
}

/** The value of a `fieldRef`. Throws when the path names nothing that may be asked for. */
export function fieldValue(path: string, context: FieldContext): string {
  const { pod } = context;
  const meta = pod.metadata ?? {};
  const keyed = /^metadata\.(labels|annotations)\['([^']*)'\]$/.exec(path);
  if (keyed !== null) return (keyed[1] === 'labels' ? meta.labels : meta.annotations)?.[keyed[2] ?? ''] ?? '';
  switch (path) {
    case 'metadata.name':
      return meta.name ?? '';
    case 'metadata.namespace':
      return meta.namespace ?? '';
    case 'metadata.uid':
      return meta.uid ?? '';
    case 'metadata.labels':
      return keyValueLines(meta.labels);
    case 'metadata.annotations':
      return keyValueLines(meta.annotations);
    case 'spec.nodeName':
      return context.nodeName;
    case 'spec.serviceAccountName':
      return pod.spec?.serviceAccountName ?? '';
    case 'status.hostIP':
    case 'status.hostIPs':
      return context.hostIp;
    case 'status.podIP':
      return context.podIps[0] ?? '';
    case 'status.podIPs':
      return context.podIps.join(',');
    default:
      throw new Error(`fieldRef.fieldPath "${path}" is not supported`);
  }
}

/** The value of a `resourceFieldRef`, in units of its divisor, rounded up. */
export function resourceValue(
  reference: { readonly resource: string; readonly divisor?: string },
  container: Container,
  context: FieldContext,
): string {
  const [kind, resource = ''] = reference.resource.split(/\.(.*)/);
  const { limits = {}, requests = {} } = container.resources ?? {};
  let milli = quantityMilli((kind === 'limits' ? limits : requests)[resource] ?? '0');
  if (milli === 0 && kind === 'limits') {
    if (resource === 'cpu') milli = context.allocatable.cpuMilli;
    if (resource === 'memory') milli = context.allocatable.memoryBytes * 1000;
  }
  const divisor = quantityMilli(reference.divisor ?? '1') || 1000;
  return String(Math.ceil(milli / divisor));
}

function keyValueLines(map: Readonly<Record<string, string>> = {}): string {
  return Object.keys(map)
    .sort()
    .map((key) => `${key}=${JSON.stringify(map[key])}`)
    .join('\n');
}
