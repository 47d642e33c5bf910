/** What the requests of clients are about: a namespace of their own, a kind of somebody's own, and short words for calls. */
import type { Call } from '../../calls.ts';
import type { Comparison, SidedCall } from '../../comparison.ts';
import { makeNamespace } from '../world.ts';

export const namespace = 'clients';
export const group = 'clients.example.com';
export const core = `/api/v1/namespaces/${namespace}`;
export const apps = `/apis/apps/v1/namespaces/${namespace}`;
export const widgets = `/apis/${group}/v1/namespaces/${namespace}/widgets`;
export const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

export const tables = 'application/json;as=Table;g=meta.k8s.io;v=v1';
export const metadataAlone = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
export const protobuf = 'application/vnd.kubernetes.protobuf';

type Json = Record<string, unknown>;

export const patchTypes = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

export function patch(type: keyof typeof patchTypes, path: string, body: unknown): Call {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { method: 'PATCH', path, body: text, headers: { 'content-type': patchTypes[type] } };
}

export const get = (path: string, accept?: string): Call => ({
  method: 'GET',
  path,
  ...(accept === undefined ? {} : { headers: { accept } }),
});
export const post = (path: string, body: unknown): Call => ({ method: 'POST', path, body });
export const put = (path: string, body: unknown): Call => ({ method: 'PUT', path, body });
export const remove = (path: string, body?: unknown): Call => ({ method: 'DELETE', path, body });

/** One after the other: what comes first may count for what follows. */
export async function inTurn(
  comparison: Comparison,
  calls: Readonly<Record<string, SidedCall>>,
): Promise<void> {
  for (const [title, call] of Object.entries(calls)) await comparison.compare(title, call);
}

export const configMap = (name: string, labels: Json = {}, data: Json = { a: 'b' }): Json => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, labels },
  data,
});

export const pod = (name: string, spec: Json = {}, metadata: Json = {}): Json => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, ...metadata },
  spec: { containers: [{ name: 'one', image: 'demo:1' }], ...spec },
});

export const template = (labels: Json = { app: 'x' }): Json => ({
  metadata: { labels },
  spec: { containers: [{ name: 'one', image: 'demo:1' }] },
});

export const widget = (name: string, spec: Json = {}, more: Json = {}): Json => ({
  apiVersion: `${group}/v1`,
  kind: 'Widget',
  metadata: { name },
  spec,
  ...more,
});

const text = { type: 'string' };

const widgetDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `widgets.${group}` },
  spec: {
    group,
    scope: 'Namespaced',
    names: { plural: 'widgets', kind: 'Widget' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: {
                type: 'object',
                properties: {
                  replicas: { type: 'integer', format: 'int32' },
                  color: text,
                  on: { type: 'boolean' },
                  size: { type: 'integer' },
                },
              },
              status: {
                type: 'object',
                properties: { phase: text, replicas: { type: 'integer' }, selector: text },
              },
            },
          },
        },
        subresources: {
          status: {},
          scale: {
            specReplicasPath: '.spec.replicas',
            statusReplicasPath: '.status.replicas',
            labelSelectorPath: '.status.selector',
          },
        },
        selectableFields: [
          { jsonPath: '.spec.color' },
          { jsonPath: '.spec.on' },
          { jsonPath: '.spec.size' },
          { jsonPath: '.status.phase' },
        ],
      },
    ],
  },
};

export async function makeDefinition(
  comparison: Comparison,
  definition: Json & { spec: { names: { plural: string }; group: string } },
  path: string,
): Promise<void> {
  const { plural } = definition.spec.names;
  await comparison.both(`definition of ${plural}`, post(definitions, definition));
  await comparison.settle(`${plural} are served`, get(`${path}?limit=1`), ({ status }) => status === 200);
}

export async function makeWorld(comparison: Comparison): Promise<void> {
  await makeNamespace(comparison, namespace);
  await makeDefinition(comparison, widgetDefinition, widgets);
}
