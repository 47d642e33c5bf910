/**
 * What every kubectl verb needs: the server, the namespace, and what the server serves. Names of resources are
 * resolved by the server's own discovery, so custom resources work like built-in ones.
 */
import {
  type ApiClient,
  apiErrorFrom,
  type ClientOptions,
  createClient,
  loadKubeconfig,
} from '@timonier/client';

export interface ServedResource {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly names: readonly string[];
}

interface DiscoveryList {
  readonly items?: readonly {
    readonly metadata?: { readonly name?: string };
    readonly versions: readonly {
      readonly version: string;
      readonly resources?: readonly {
        readonly resource: string;
        readonly responseKind?: { readonly kind?: string };
        readonly scope: 'Namespaced' | 'Cluster';
        readonly singularResource?: string;
        readonly shortNames?: readonly string[];
      }[];
    }[];
  }[];
}

const discoveryType = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

export class Session {
  readonly options: ClientOptions;
  readonly namespace: string;
  readonly client: ApiClient;
  #served: Promise<readonly ServedResource[]> | undefined;

  constructor(kubeconfig: string, namespace: string) {
    const loaded = loadKubeconfig(kubeconfig);
    this.options = { ...loaded, userAgent: 'timonier-kubectl', retryForMs: 5_000 };
    this.namespace = namespace === '' ? loaded.namespace : namespace;
    this.client = createClient(this.options);
  }

  /** A request whose answer must be a success. Throws the server's refusal. */
  async request(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Buffer> {
    const answer = await this.client.request(method, path, body, headers);
    if (answer.status >= 300) throw apiErrorFrom(answer.status, answer.body, undefined);
    return answer.body;
  }

  /** The resource that `name` (plural, singular, short, kind, or with `.group`) means. */
  async resource(name: string): Promise<ServedResource> {
    const served = await this.served();
    const wanted = name.toLowerCase();
    const found =
      served.find((candidate) => candidate.names.includes(wanted)) ??
      served.find((candidate) => candidate.names.some((known) => `${known}.${candidate.group}` === wanted));
    if (found === undefined) throw new Error(`the server doesn't have a resource type "${name}"`);
    return found;
  }

  async resourceOfKind(apiVersion: string, kind: string): Promise<ServedResource> {
    const served = await this.served();
    const found = served.find(
      (candidate) => candidate.kind === kind && groupVersion(candidate) === apiVersion,
    );
    if (found === undefined) throw new Error(`the server has no kind "${kind}" in "${apiVersion}"`);
    return found;
  }

  served(): Promise<readonly ServedResource[]> {
    this.#served ??= Promise.all(['/api', '/apis'].map((path) => this.#discover(path))).then((lists) =>
      lists.flat(),
    );
    return this.#served;
  }

  async #discover(path: string): Promise<readonly ServedResource[]> {
    const body = await this.request('GET', path, undefined, { accept: `${discoveryType},application/json` });
    const { items = [] } = JSON.parse(body.toString('utf8')) as DiscoveryList;
    return items.flatMap(({ metadata, versions }) =>
      versions.flatMap(({ version, resources = [] }) =>
        resources.map(({ resource, responseKind, scope, singularResource, shortNames = [] }) => {
          const kind = responseKind?.kind ?? '';
          const singular = singularResource ?? '';
          return {
            group: metadata?.name ?? '',
            version,
            resource,
            kind,
            namespaced: scope === 'Namespaced',
            names: [resource, singular, kind.toLowerCase(), ...shortNames].filter((known) => known !== ''),
          };
        }),
      ),
    );
  }

  /** The URL path of a resource's collection, or of one object. */
  path(type: ServedResource, namespace: string | null, name?: string, subresource?: string): string {
    const parts = [
      type.group === '' ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`,
      ...(type.namespaced && namespace !== null ? ['namespaces', encodeURIComponent(namespace)] : []),
      type.resource,
      ...(name === undefined ? [] : [encodeURIComponent(name)]),
      ...(subresource === undefined ? [] : [subresource]),
    ];
    return parts.join('/');
  }
}

export function groupVersion({ group, version }: ServedResource): string {
  return group === '' ? version : `${group}/${version}`;
}

/** `deployment.apps/hello`, as kubectl calls an object when it reports on it. */
export function reportName(type: ServedResource, name: string): string {
  const kind = type.kind.toLowerCase();
  return `${type.group === '' ? kind : `${kind}.${type.group}`}/${name}`;
}

/** What `all` means: what people usually ask for. */
const everyday = ['pods', 'services', 'deployments', 'replicasets'];

/** Splits `TYPE NAME…`, `TYPE/NAME…` and `TYPE,TYPE` arguments. `names` is empty when all are meant. */
export function targetsOf(
  positional: readonly string[],
): readonly { readonly type: string; readonly name?: string }[] {
  if (positional.some((argument) => argument.includes('/'))) {
    return positional.map((argument) => {
      const [type = '', name = ''] = argument.split('/');
      return { type, name };
    });
  }
  const [types = '', ...names] = positional;
  return types
    .split(',')
    .flatMap((type) => (type === 'all' ? everyday : [type]))
    .filter(Boolean)
    .flatMap((type) => (names.length === 0 ? [{ type }] : names.map((name) => ({ type, name }))));
}
