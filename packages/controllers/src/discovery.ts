/**
 * Which resources the server offers, from its aggregated discovery documents; each resource once, at its preferred version.
 * What a secondary server offers that does not answer is not known, whatever it once said: its versions are named as stale.
 */
import { type ApiClient, apiVersionOf, type KubeObject, type ResourceType } from '@timonier/client';

export interface ServedResource extends ResourceType<OwnedMetadata> {
  readonly verbs: readonly string[];
}

export interface OwnedMetadata extends KubeObject {
  metadata?: NonNullable<KubeObject['metadata']> & {
    finalizers?: string[];
    ownerReferences?: {
      apiVersion: string;
      kind: string;
      name: string;
      uid: string;
      controller?: boolean;
      blockOwnerDeletion?: boolean;
    }[];
  };
}

interface DiscoveryList {
  readonly kind?: string;
  readonly items?: readonly {
    readonly metadata?: { readonly name?: string };
    readonly versions?: readonly {
      readonly version: string;
      readonly freshness?: string;
      readonly resources?: readonly {
        readonly resource: string;
        readonly responseKind?: { readonly kind?: string };
        readonly scope?: string;
        readonly verbs?: readonly string[];
      }[];
    }[];
  }[];
}

const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

export interface Discovered {
  readonly served: readonly ServedResource[];
  /** `GROUP/VERSION` of what could not be asked. */
  readonly stale: readonly string[];
}

/** Rejects when the server does not answer with aggregated discovery. */
export async function discover(client: ApiClient): Promise<Discovered> {
  const stale: string[] = [];
  const served = new Map<string, ServedResource>();
  for (const path of ['/api', '/apis']) {
    const { status, body } = await client.request('GET', path, undefined, { accept });
    if (status !== 200) throw new Error(`discovery at ${path} answered ${status}`);
    const list = JSON.parse(body.toString('utf8')) as DiscoveryList;
    if (list.kind !== 'APIGroupDiscoveryList') throw new Error(`discovery at ${path} is not aggregated`);
    for (const { metadata, versions = [] } of list.items ?? []) {
      const group = metadata?.name ?? '';
      for (const { version, freshness, resources = [] } of versions) {
        if (freshness === 'Stale') {
          stale.push(apiVersionOf({ group, version }));
          continue;
        }
        for (const { resource, responseKind, scope, verbs = [] } of resources) {
          const key = `${resource}.${group}`;
          if (served.has(key)) continue;
          const kind = responseKind?.kind ?? '';
          served.set(key, { group, version, resource, kind, namespaced: scope === 'Namespaced', verbs });
        }
      }
    }
  }
  return { served: [...served.values()], stale: stale.sort() };
}

/** What is not known, in upstream's words; undefined when everything is. */
export function staleProblem(stale: readonly string[]): string | undefined {
  if (stale.length === 0) return undefined;
  const each = stale.map((name) => `${name}: stale GroupVersion discovery: ${name}`).join(', ');
  return `Discovery failed for some groups, ${stale.length} failing: unable to retrieve the complete list of server APIs: ${each}`;
}

/** `apiVersion kind`, as an owner reference names a type. */
export function ownerTypeKey(type: Pick<ResourceType, 'group' | 'version' | 'kind'>): string {
  return `${apiVersionOf(type)} ${type.kind}`;
}
