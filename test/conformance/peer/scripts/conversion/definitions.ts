/** Kinds whose versions a webhook converts: `v1` has `host` and `port`, `v2` has `address` and a default. */
import { namespace } from '../world.ts';

export interface Converted {
  readonly group: string;
  readonly plural: string;
}

export const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
export const kind = 'Host';
export type Version = 'v1' | 'v2';

export function pathOf({ group, plural }: Converted, version: string): string {
  return `/apis/${group}/${version}/namespaces/${namespace}/${plural}`;
}

export function definitionPath({ group, plural }: Converted): string {
  return `${definitions}/${plural}.${group}`;
}

export function versionsOf(storage: Version): readonly object[] {
  const version = (name: Version, properties: object, more: object): object => ({
    name,
    served: true,
    storage: name === storage,
    schema: {
      openAPIV3Schema: {
        type: 'object',
        properties: {
          spec: { type: 'object', properties },
          status: { type: 'object', properties: { seen: { type: 'integer' } } },
        },
      },
    },
    subresources: { status: {} },
    ...more,
  });
  return [
    version(
      'v1',
      { host: { type: 'string', maxLength: 20 }, port: { type: 'integer' } },
      { additionalPrinterColumns: [{ name: 'Host', type: 'string', jsonPath: '.spec.host' }] },
    ),
    version(
      'v2',
      { address: { type: 'string', maxLength: 20 }, weight: { type: 'integer', default: 1 } },
      {
        selectableFields: [{ jsonPath: '.spec.address' }],
        additionalPrinterColumns: [{ name: 'Address', type: 'string', jsonPath: '.spec.address' }],
      },
    ),
  ];
}

/** Stored as `v1` unless told. */
export function definitionOf(
  { group, plural }: Converted,
  clientConfig: object,
  { storage = 'v1', reviews = ['v1'] }: { storage?: Version; reviews?: readonly string[] } = {},
): object {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural, kind },
      conversion: { strategy: 'Webhook', webhook: { conversionReviewVersions: reviews, clientConfig } },
      versions: versionsOf(storage),
    },
  };
}

/** An object as each version has it. */
export function host(of: Converted, version: Version, name: string, spec?: object): object {
  const own = version === 'v1' ? { host: name, port: 80 } : { address: `${name}:80` };
  return { apiVersion: `${of.group}/${version}`, kind, metadata: { name }, spec: spec ?? own };
}
