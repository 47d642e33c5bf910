/**
 * The operations of a group and version, as far as clients read them: which verbs a path has, for which kind, and
 * which query parameters it takes (kubectl looks for `fieldValidation` and `dryRun` before it uses them).
 */
import { apiVersionOf, type ResourceInfo, type Subresource } from '../registry.ts';
import type { Definitions, OpenApiVersion, SchemaDocument } from './definitions.ts';
import { messageSchema, type Schema } from '../schema.ts';
import {
  answers,
  BODY_TYPES,
  byType,
  friendlyGroup,
  keptKinds,
  pascal,
  PATCH_TYPES,
  typeOfParameter,
  type Verb,
  VERBS,
  WATCH_TYPES,
} from './operations.ts';

type Operation = Record<string, unknown> & { parameters: SchemaDocument[] };

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1';
const logOptions = 'io.k8s.api.core.v1.PodLogOptions';
/** Verbs whose answers may be a stream of changes. */
const watching: ReadonlySet<string> = new Set(['list', 'watch', 'watchlist']);
const typeNames: Readonly<Record<string, string>> = { bool: 'boolean', int32: 'integer', int64: 'integer' };

function parameter(
  version: OpenApiVersion,
  name: string,
  where: 'query' | 'path',
  field?: Schema,
): SchemaDocument {
  const type = field === undefined ? typeOfParameter(name) : (typeNames[field.scalar ?? ''] ?? 'string');
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
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string } | undefined;
  readonly body?: string | undefined;
  readonly response?: string | undefined;
  readonly id: string;
  /** Custom resources have no merge keys to patch strategically by. */
  readonly isCustom: boolean;
  /** Answers with a stream, and takes any method for the same. */
  readonly isConnection?: boolean;
  /** The message whose fields are parameters. */
  readonly options?: string | undefined;
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
    if (!isCustom && info.verbs.includes('watch')) this.#watches(info, own, prefix);
    for (const sub of info.subresources) this.#subresource(info, sub, `${collection}/{name}/${sub.name}`);
  }

  /** Where a group and version says what it has. */
  addDiscovery(of: { readonly group: string; readonly version: string }, path: string): void {
    this.#operation(path, 'discovery', {
      of,
      kind: undefined,
      response: `${META}.APIResourceList`,
      id: 'APIResources',
      isCustom: false,
    });
  }

  /** The old paths of watches. */
  #watches(info: ResourceInfo, own: Target, prefix: string): void {
    const watched = `${prefix}/watch${info.namespaced ? '/namespaces/{namespace}' : ''}/${info.resource}`;
    const target = { ...own, response: `${META}.WatchEvent` };
    this.#operation(watched, 'watchlist', { ...target, id: `${info.kind}List` });
    this.#operation(`${watched}/{name}`, 'watch', target);
    if (info.namespaced)
      this.#operation(`${prefix}/watch/${info.resource}`, 'watchlist', {
        ...target,
        id: `${info.kind}ListForAllNamespaces`,
      });
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
    const isConnection = streams && sub.name !== 'log';
    const target: Target = {
      of: info,
      kind: gvk(sub),
      body: streams ? undefined : message,
      response: streams ? undefined : message,
      id: `${info.kind}${sub.name[0]?.toUpperCase()}${sub.name.slice(1)}`,
      isCustom: info.openApiSchema !== undefined,
      isConnection,
      ...(streams ? { options: sub.name === 'log' ? logOptions : message } : {}),
    };
    // What is passed on to a server is asked by any method, and at any path of that server's.
    const verbs = sub.name === 'proxy' ? [...sub.verbs, 'head', 'options'] : sub.verbs;
    for (const verb of verbs) {
      this.#operation(path, verb, target);
      if (sub.name === 'proxy')
        this.#operation(`${path}/{path}`, verb, { ...target, id: `${target.id}WithPath` });
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
    const isStream = target.options !== undefined;
    const { group, version } = target.of;
    const rest = `${namespaced ? 'Namespaced' : ''}${target.id}`;
    const place = `${pascal(friendlyGroup(group))}${pascal(version)}`;
    const operation: Operation = {
      operationId: isConnection
        ? `connect${place}${pascal(verb.method)}${rest}`
        : `${verb.word}${place}${name === 'deletecollection' ? 'Collection' : ''}${rest}`,
      tags: [`${friendlyGroup(group)}_${version}`],
      ...(target.kind === undefined
        ? {}
        : {
            'x-kubernetes-action': isConnection ? 'connect' : verb.action,
            'x-kubernetes-group-version-kind': target.kind,
          }),
      parameters: isStream
        ? this.#options(target.options ?? '', isConnection ? [] : verb.parameters)
        : verb.parameters.map((one) => parameter(this.#version, one, 'query')),
    };
    const answer = isStream
      ? { type: 'string' }
      : target.response === undefined
        ? undefined
        : this.#definitions.reference(target.response);
    const types = isConnection
      ? ['*/*']
      : isStream
        ? ['text/plain', ...BODY_TYPES]
        : watching.has(name)
          ? [...BODY_TYPES, ...WATCH_TYPES]
          : BODY_TYPES;
    const codes = isConnection ? [] : verb.codes;
    if (this.#version === 'v3') this.#describeV3(operation, verb, target, types, answer, codes);
    else this.#describeV2(operation, verb, target, types, answer, codes);
    return operation;
  }

  /** The fields of a message as parameters, and those of the verb. */
  #options(message: string, more: readonly string[]): SchemaDocument[] {
    const own = [...messageSchema(message).fields.values()]
      .filter(({ name, scalar }) => name !== 'apiVersion' && name !== 'kind' && scalar !== 'time')
      .map((field) => parameter(this.#version, field.name, 'query', field.items ?? field));
    return [...own, ...more.map((one) => parameter(this.#version, one, 'query'))];
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
    const isPatch = verb.body === 'patch' && target.options === undefined;
    const isDiscovery = target.kind === undefined;
    operation['consumes'] = isPatch ? this.#patchTypes(target) : isDiscovery ? BODY_TYPES : ['*/*'];
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
    if (target.options !== undefined) return undefined;
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

const methods = ['get', 'post', 'put', 'patch', 'delete', 'head', 'options'];

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
  const all = [...((item['parameters'] ?? []) as SchemaDocument[]), ...shared];
  if (all.length > 0) item['parameters'] = all;
  else delete item['parameters'];
}

function gvk(type: { group: string; version: string; kind: string }): {
  group: string;
  version: string;
  kind: string;
} {
  return { group: type.group, version: type.version, kind: type.kind };
}
