/**
 * The operations of a group and version, as far as clients read them: which verbs a path has, for which kind, and
 * which query parameters it takes (kubectl looks for `fieldValidation` and `dryRun` before it uses them).
 */
import { apiVersionOf, type ResourceInfo, type Subresource } from '../registry.ts';
import type { Definitions, OpenApiVersion, SchemaDocument } from './definitions.ts';
import {
  BODY_TYPES,
  friendlyGroup,
  pascal,
  PATCH_TYPES,
  typeOfParameter,
  type Verb,
  VERBS,
  WATCH_TYPES,
} from './operations.ts';

type Operation = Record<string, unknown> & { parameters: SchemaDocument[] };

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1';
function parameter(version: OpenApiVersion, name: string, where: 'query' | 'path'): SchemaDocument {
  const type = typeOfParameter(name);
  return {
    name,
    in: where,
    ...(where === 'path' ? { required: true } : {}),
    ...(version === 'v3' ? { schema: { type, uniqueItems: true } } : { type, uniqueItems: true }),
  };
}

interface Target {
  /** Whose path it is: names are made of it, also where a subresource is of another group. */
  readonly of: { readonly group: string; readonly version: string };
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string };
  readonly body?: string | undefined;
  readonly response?: string | undefined;
  readonly id: string;
  /** Custom resources have no merge keys to patch strategically by. */
  readonly isCustom: boolean;
  /** Answers with a stream, and takes any method for the same. */
  readonly isConnection?: boolean;
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
    for (const item of Object.values(this.#out)) hoistParameters(item);
    return this.#out;
  }

  /** All paths of a resource and its subresources. */
  add(info: ResourceInfo): void {
    const prefix = info.group === '' ? `/api/${info.version}` : `/apis/${apiVersionOf(info)}`;
    const collection = `${prefix}${info.namespaced ? '/namespaces/{namespace}' : ''}/${info.resource}`;
    const message = this.#messageOf(info) ?? info.schema.message;
    const list = this.#messageOf({ ...info, kind: info.listKind });
    const isCustom = info.openApiSchema !== undefined;
    const own: Target = {
      of: info,
      kind: gvk(info),
      body: message,
      response: message,
      id: info.kind,
      isCustom,
    };
    for (const verb of info.verbs) {
      if (verb === 'watch') continue;
      const many = verb === 'list' || verb === 'deletecollection';
      const path = many || verb === 'create' ? collection : `${collection}/{name}`;
      this.#operation(path, verb, { ...own, response: this.#answerOf(info, verb, message, list) });
      if (verb === 'list' && info.namespaced) {
        this.#operation(`${prefix}/${info.resource}`, verb, {
          ...own,
          response: list,
          id: `${info.kind}ForAllNamespaces`,
        });
      }
    }
    for (const sub of info.subresources) this.#subresource(info, sub, `${collection}/{name}/${sub.name}`);
  }

  #answerOf(
    { kind, openApiSchema }: ResourceInfo,
    verb: string,
    message: string | undefined,
    list: string | undefined,
  ): string | undefined {
    if (verb === 'list') return list;
    const keepsObject = openApiSchema === undefined && keptKinds.has(kind);
    return verb === 'deletecollection' || (verb === 'delete' && !keepsObject) ? `${META}.Status` : message;
  }

  #subresource(info: ResourceInfo, sub: Subresource, path: string): void {
    const message = this.#messageOf(sub);
    // Connections such as exec and log answer with a stream, not with an object.
    const streams = sub.kind.endsWith('Options') || sub.name === 'log';
    for (const verb of sub.verbs) {
      this.#operation(path, verb, {
        of: info,
        kind: gvk(sub),
        body: streams ? undefined : message,
        response: streams ? undefined : message,
        id: `${info.kind}${sub.name[0]?.toUpperCase()}${sub.name.slice(1)}`,
        isCustom: info.openApiSchema !== undefined,
        isConnection: sub.kind.endsWith('Options') && sub.name !== 'log',
      });
    }
  }

  #operation(path: string, name: string, target: Target): void {
    const verb = VERBS[name];
    if (verb === undefined) return;
    const item = (this.#out[path] ??= { parameters: this.#pathParameters(path) });
    item[verb.method] = this.#document(name, verb, target, path.includes('{namespace}'));
  }

  #pathParameters(path: string): SchemaDocument[] {
    return [...path.matchAll(/\{(\w+)\}/g)].map((m) => parameter(this.#version, m[1] ?? '', 'path'));
  }

  #document(name: string, verb: Verb, target: Target, namespaced: boolean): Operation {
    const isConnection = target.isConnection === true;
    const names = isConnection ? [] : verb.parameters;
    const { group, version } = target.of;
    const rest = `${namespaced ? 'Namespaced' : ''}${target.id}`;
    const place = `${pascal(friendlyGroup(group))}${pascal(version)}`;
    const operation: Operation = {
      operationId: isConnection
        ? `connect${place}${pascal(verb.method)}${rest}`
        : `${verb.word}${place}${name === 'deletecollection' ? 'Collection' : ''}${rest}`,
      tags: [`${friendlyGroup(group)}_${version}`],
      'x-kubernetes-action': isConnection ? 'connect' : verb.action,
      'x-kubernetes-group-version-kind': target.kind,
      parameters: names.map((one) => parameter(this.#version, one, 'query')),
    };
    const answer = target.response === undefined ? undefined : this.#definitions.reference(target.response);
    const types = name === 'list' ? [...BODY_TYPES, ...WATCH_TYPES] : BODY_TYPES;
    const codes = isConnection ? [] : verb.codes;
    if (this.#version === 'v3') this.#describeV3(operation, verb, target, types, answer, codes);
    else this.#describeV2(operation, verb, target, types, answer, codes);
    return operation;
  }

  #describeV3(
    operation: Operation,
    verb: Verb,
    target: Target,
    types: readonly string[],
    answer: SchemaDocument | undefined,
    codes: readonly number[],
  ): void {
    const body = this.#bodyOf(verb, target);
    if (body !== undefined)
      operation['requestBody'] = {
        content: byType(verb.body === 'patch' ? this.#patchTypes(target) : ['*/*'], body),
        ...(verb.body === 'options' ? {} : { required: true }),
      };
    const content = answer === undefined ? {} : { content: byType(types, answer) };
    operation['responses'] = answers(codes, content);
  }

  #describeV2(
    operation: Operation,
    verb: Verb,
    target: Target,
    types: readonly string[],
    answer: SchemaDocument | undefined,
    codes: readonly number[],
  ): void {
    const body = this.#bodyOf(verb, target);
    operation['schemes'] = ['https'];
    operation['consumes'] = verb.body === 'patch' ? this.#patchTypes(target) : ['*/*'];
    operation['produces'] = types;
    if (body !== undefined)
      operation.parameters.unshift({
        name: 'body',
        in: 'body',
        ...(verb.body === 'options' ? {} : { required: true }),
        schema: body,
      });
    operation['responses'] = answers(codes, answer === undefined ? {} : { schema: answer });
  }

  #bodyOf(verb: Verb, target: Target): SchemaDocument | undefined {
    const name =
      verb.body === 'patch'
        ? `${META}.Patch`
        : verb.body === 'options'
          ? `${META}.DeleteOptions`
          : verb.body === 'object'
            ? target.body
            : undefined;
    return name === undefined ? undefined : this.#definitions.reference(name);
  }

  #patchTypes({ isCustom }: Target): readonly string[] {
    return isCustom ? PATCH_TYPES.filter((type) => !type.includes('strategic')) : PATCH_TYPES;
  }
}

/** Kinds whose deletion is answered with what was deleted. */
const keptKinds: ReadonlySet<string> = new Set([
  'CSIDriver',
  'CSINode',
  'DeviceClass',
  'PersistentVolume',
  'PersistentVolumeClaim',
  'Pod',
  'PodTemplate',
  'ResourceClaim',
  'ResourceClaimTemplate',
  'ResourceQuota',
  'ResourceSlice',
  'Service',
  'ServiceAccount',
  'StorageClass',
  'VolumeAttachment',
  'VolumeAttributesClass',
]);

const methods = ['get', 'post', 'put', 'patch', 'delete'];

/** Parameters that all operations of a path have stand with the path. */
function hoistParameters(item: Record<string, unknown>): void {
  const operations = methods.flatMap((method) =>
    item[method] === undefined ? [] : [item[method] as Operation],
  );
  const [first, ...others] = operations;
  if (first === undefined) return;
  const shared = first.parameters.filter(
    ({ name }) =>
      name !== 'body' && others.every(({ parameters }) => parameters.some((one) => one['name'] === name)),
  );
  const names = new Set(shared.map(({ name }) => name));
  for (const operation of operations)
    operation.parameters = operation.parameters.filter(({ name }) => !names.has(name));
  item['parameters'] = [...((item['parameters'] ?? []) as SchemaDocument[]), ...shared];
}

function answers(codes: readonly number[], content: object): Record<string, object> {
  const descriptions: Readonly<Record<number, string>> = { 200: 'OK', 201: 'Created', 202: 'Accepted' };
  return {
    ...Object.fromEntries(
      [200, ...codes].map((code) => [code, { description: descriptions[code], ...content }]),
    ),
    401: { description: 'Unauthorized' },
  };
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
