/**
 * The operations of a group and version, as far as clients read them: which verbs a path has, for which kind, and
 * which query parameters it takes (kubectl looks for `fieldValidation` and `dryRun` before it uses them).
 */
import { apiVersionOf, type ResourceInfo, type Subresource } from '../registry.ts';
import type { Definitions, OpenApiVersion, SchemaDocument } from './definitions.ts';

type Operation = Record<string, unknown>;

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1';
const BODY_TYPES = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
const PATCH_TYPES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];

const WRITE_PARAMETERS = ['pretty', 'dryRun', 'fieldManager', 'fieldValidation'];
const LIST_PARAMETERS = [
  'pretty',
  'allowWatchBookmarks',
  'continue',
  'fieldSelector',
  'labelSelector',
  'limit',
  'resourceVersion',
  'resourceVersionMatch',
  'sendInitialEvents',
  'timeoutSeconds',
  'watch',
];
const DELETE_PARAMETERS = ['pretty', 'dryRun', 'gracePeriodSeconds', 'orphanDependents', 'propagationPolicy'];
const PARAMETERS: Readonly<Record<string, readonly string[]>> = {
  get: ['pretty'],
  list: LIST_PARAMETERS,
  create: WRITE_PARAMETERS,
  update: WRITE_PARAMETERS,
  patch: [...WRITE_PARAMETERS, 'force'],
  delete: DELETE_PARAMETERS,
  deletecollection: [...LIST_PARAMETERS, ...DELETE_PARAMETERS.slice(1)],
};
const INTEGERS: ReadonlySet<string> = new Set(['limit', 'timeoutSeconds', 'gracePeriodSeconds']);
const FLAGS: ReadonlySet<string> = new Set([
  'allowWatchBookmarks',
  'sendInitialEvents',
  'watch',
  'orphanDependents',
  'force',
]);

const METHODS: Readonly<Record<string, string>> = {
  get: 'get',
  list: 'get',
  create: 'post',
  update: 'put',
  patch: 'patch',
  delete: 'delete',
  deletecollection: 'delete',
};

/** How the action is called where kubectl and generators look. */
const ACTIONS: Readonly<Record<string, string>> = {
  create: 'post',
  update: 'put',
  deletecollection: 'deletecollection',
};

function parameter(version: OpenApiVersion, name: string, where: 'query' | 'path'): SchemaDocument {
  const type = INTEGERS.has(name) ? 'integer' : FLAGS.has(name) ? 'boolean' : 'string';
  return {
    name,
    in: where,
    ...(where === 'path' ? { required: true } : {}),
    ...(version === 'v3' ? { schema: { type, uniqueItems: true } } : { type, uniqueItems: true }),
  };
}

interface Target {
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string };
  readonly body?: string | undefined;
  readonly response?: string | undefined;
  readonly id: string;
  /** Custom resources have no merge keys to patch strategically by. */
  readonly isCustom: boolean;
}

/** Builds the paths of one OpenAPI document. */
export class Paths {
  readonly #version: OpenApiVersion;
  readonly #definitions: Definitions;
  readonly #messageOf: (type: { group: string; version: string; kind: string }) => string | undefined;
  readonly #out: Record<string, Record<string, unknown>> = {};

  constructor(
    version: OpenApiVersion,
    definitions: Definitions,
    messageOf: (type: { group: string; version: string; kind: string }) => string | undefined,
  ) {
    this.#version = version;
    this.#definitions = definitions;
    this.#messageOf = messageOf;
  }

  all(): Record<string, Record<string, unknown>> {
    return this.#out;
  }

  /** All paths of a resource and its subresources. */
  add(info: ResourceInfo): void {
    const prefix = info.group === '' ? `/api/${info.version}` : `/apis/${apiVersionOf(info)}`;
    const collection = `${prefix}${info.namespaced ? '/namespaces/{namespace}' : ''}/${info.resource}`;
    const message = this.#messageOf(info) ?? info.schema.message;
    const list = this.#messageOf({ ...info, kind: info.listKind });
    const isCustom = info.openApiSchema !== undefined;
    const own: Target = { kind: gvk(info), body: message, response: message, id: info.kind, isCustom };
    for (const verb of info.verbs) {
      if (verb === 'watch') continue;
      const many = verb === 'list' || verb === 'deletecollection';
      const path = many || verb === 'create' ? collection : `${collection}/{name}`;
      const response = verb === 'list' ? list : many ? `${META}.Status` : message;
      this.#operation(path, verb, { ...own, response });
      if (verb === 'list' && info.namespaced) {
        this.#operation(`${prefix}/${info.resource}`, verb, {
          ...own,
          response,
          id: `${info.kind}ForAllNamespaces`,
        });
      }
    }
    for (const sub of info.subresources) this.#subresource(info, sub, `${collection}/{name}/${sub.name}`);
  }

  #subresource(info: ResourceInfo, sub: Subresource, path: string): void {
    const message = this.#messageOf(sub);
    // Connections such as exec and log answer with a stream, not with an object.
    const streams = sub.kind.endsWith('Options') || sub.name === 'log';
    for (const verb of sub.verbs) {
      this.#operation(path, verb, {
        kind: gvk(sub),
        body: streams ? undefined : message,
        response: streams ? undefined : message,
        id: `${info.kind}${sub.name[0]?.toUpperCase()}${sub.name.slice(1)}`,
        isCustom: info.openApiSchema !== undefined,
      });
    }
  }

  #operation(path: string, verb: string, target: Target): void {
    const method = METHODS[verb];
    if (method === undefined) return;
    const item = (this.#out[path] ??= { parameters: this.#pathParameters(path) });
    item[method] = this.#document(verb, target, path.includes('{namespace}'));
  }

  #pathParameters(path: string): SchemaDocument[] {
    return [...path.matchAll(/\{(\w+)\}/g)].map((m) => parameter(this.#version, m[1] ?? '', 'path'));
  }

  #document(verb: string, target: Target, namespaced: boolean): Operation {
    const parameters = (PARAMETERS[verb] ?? []).map((name) => parameter(this.#version, name, 'query'));
    const patches = target.isCustom ? PATCH_TYPES.filter((type) => !type.includes('strategic')) : PATCH_TYPES;
    const types = verb === 'patch' ? patches : BODY_TYPES;
    const takesBody = verb === 'create' || verb === 'update' || verb === 'patch';
    const body = verb === 'patch' ? `${META}.Patch` : target.body;
    const operation: Operation = {
      operationId: `${verb}${pascal(target.kind.group.split('.')[0] || 'core')}${pascal(target.kind.version)}${namespaced ? 'Namespaced' : ''}${target.id}`,
      'x-kubernetes-action': ACTIONS[verb] ?? verb,
      'x-kubernetes-group-version-kind': target.kind,
      parameters,
    };
    const reference =
      target.response === undefined ? undefined : this.#definitions.reference(target.response);
    if (this.#version === 'v3') {
      if (takesBody && body !== undefined) {
        const schema = this.#definitions.reference(body);
        operation['requestBody'] = { content: byType(types, schema), required: true };
      }
      operation['responses'] = {
        200: {
          description: 'OK',
          ...(reference === undefined ? {} : { content: byType(BODY_TYPES, reference) }),
        },
      };
    } else {
      operation['consumes'] = takesBody ? types : ['*/*'];
      operation['produces'] = BODY_TYPES;
      if (takesBody && body !== undefined) {
        parameters.unshift({
          name: 'body',
          in: 'body',
          required: true,
          schema: this.#definitions.reference(body),
        });
      }
      operation['responses'] = {
        200: { description: 'OK', ...(reference === undefined ? {} : { schema: reference }) },
      };
    }
    return operation;
  }
}

function gvk(type: { group: string; version: string; kind: string }): {
  group: string;
  version: string;
  kind: string;
} {
  return { group: type.group, version: type.version, kind: type.kind };
}

function byType(types: readonly string[], schema: SchemaDocument): Record<string, unknown> {
  return Object.fromEntries(types.map((type) => [type, { schema }]));
}

function pascal(text: string): string {
  return text[0] === undefined ? '' : text[0].toUpperCase() + text.slice(1);
}
