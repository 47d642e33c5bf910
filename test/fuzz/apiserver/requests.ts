/**
 * One hostile request from one number: methods, paths, queries, headers and bodies in every media type, most of them
 * nearly right, so that they come far. What would reach beyond the server is left out: proxies to addresses that a
 * request could choose, and webhooks and extension servers that would be called from then on.
 */
import { gzipSync } from 'node:zlib';
import { apiVersionOf, encodeProtobuf, registry, type ResourceInfo } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { stringify } from 'yaml';
import { examples } from '../../../packages/api/src/testing/examples.ts';
import type { Random } from '../../simulation/random.ts';
import type { Asked, Identity } from './subject.ts';
import { identities } from './subject.ts';
import { nestedSchemas } from './bombs.ts';
import { hostileText, hostileTree, mutated, writeJson } from './values.ts';

export interface Case extends Asked {
  readonly identity: Identity;
  /** For the report of a failure. */
  readonly shape: string;
}

/** Never written to: what stands there must be there in the end. */
export const keptNamespace = 'kept';
export const fuzzNamespaces: readonly string[] = ['fuzz-1', 'fuzz-2'];

const media = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'] as const;
const patches = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
] as const;
const accepts: readonly string[] = [
  'application/json',
  'application/json;as=Table;g=meta.k8s.io;v=v1',
  'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
  'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1, */*',
  'application/vnd.kubernetes.protobuf',
  'application/yaml',
  'text/html, */*;q=NaN',
  ';;;,,,=q;q=0',
  '*/*',
];
/** Their objects would be called on every request after them. */
const onlyTried: ReadonlySet<string> = new Set([
  'admissionregistration.k8s.io',
  'apiregistration.k8s.io',
  'apiextensions.k8s.io',
]);
/** Node's client sends no more in one header block. */
const longestPath = 20_000;
const longestTarget = 40_000;
const reaching: ReadonlySet<string> = new Set(['proxy', 'log', 'exec', 'attach', 'portforward']);
const known = examples();
const resources = registry.all();

/** The request that a generator in this state makes. */
export function makeCase(random: Random): Case {
  const kind = random.below(20);
  if (kind === 0) return pathCase(random);
  if (kind < 3) return reviewCase(random);
  if (kind < 8) return readCase(random);
  if (kind < 13) return patchCase(random);
  return writeCase(random);
}

function writeCase(random: Random): Case {
  const { info, object } = random.pick(known);
  const name = randomName(random);
  const changed = mutated(random, { ...object(), metadata: { ...object().metadata, name } }, random.below(4));
  const named = random.chance(0.5);
  const method = named
    ? random.pick(['PUT', 'PUT', 'DELETE'])
    : random.pick(['POST', 'POST', 'POST', 'DELETE']);
  const body =
    method === 'DELETE'
      ? encodedBody(
          random,
          mutated(
            random,
            { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: 0, preconditions: { uid: 'x' } },
            2,
          ),
        )
      : encodedBody(random, changed);
  const subresource = named && random.chance(0.3) ? subresourceOf(random, info) : '';
  return finish(random, {
    method,
    info,
    path: `${collectionOf(random, info)}${named ? `/${encodeName(name)}` : ''}${subresource}`,
    query: queryOf(random, method === 'DELETE' ? 'delete' : 'write', info),
    headers: { 'content-type': body.type, ...body.headers },
    body: body.bytes,
  });
}

function patchCase(random: Random): Case {
  const { info, object } = random.pick(known);
  const type = random.pick(patches);
  const name = random.chance(0.7) ? (object().metadata?.name ?? '') : randomName(random);
  const value =
    type === patches[0] ? operations(random, object()) : mutated(random, object(), random.below(5));
  const text = random.chance(0.1) ? garbage(random) : Buffer.from(writeJson(value));
  return finish(random, {
    method: 'PATCH',
    info,
    path: `${collectionOf(random, info)}/${encodeName(name)}${random.chance(0.2) ? subresourceOf(random, info) : ''}`,
    query: `${queryOf(random, 'write', info)}${type === patches[3] ? '&fieldManager=fuzz&force=true' : ''}`,
    headers: { 'content-type': random.chance(0.03) ? hostileHeader(random) : type },
    body: text,
  });
}

function operations(random: Random, object: ApiObject): unknown {
  if (random.chance(0.1))
    // Each copy doubles the object.
    return Array.from({ length: random.below(200) }, () => ({
      op: 'copy',
      from: '/metadata',
      path: '/metadata/annotations',
    }));
  const pointers = [
    '',
    '/',
    '/metadata',
    '/metadata/labels',
    '/spec',
    '/spec/-',
    '/data/a',
    '/__proto__/x',
    '/~2',
    '/metadata/annotations/a~1b',
    '/spec/template/spec/containers/99999999999',
    '/constructor/prototype/polluted',
  ];
  return Array.from({ length: random.chance(0.02) ? 10_001 : random.below(6) }, () =>
    mutated(
      random,
      {
        op: random.pick(['add', 'remove', 'replace', 'move', 'copy', 'test', 'toString']),
        path: random.pick(pointers),
        from: random.pick(pointers),
        value: random.chance(0.5) ? object.metadata : hostileTree(random),
      },
      random.chance(0.2) ? 1 : 0,
    ),
  );
}

function readCase(random: Random): Case {
  const info = random.pick(resources);
  const named = random.chance(0.3);
  const subresource = named && random.chance(0.3) ? subresourceOf(random, info) : '';
  return finish(random, {
    method: random.pick(['GET', 'GET', 'GET', 'GET', 'HEAD', 'OPTIONS', 'TRACE', 'BREW']),
    info,
    path: `${collectionOf(random, info)}${named ? `/${encodeName(randomName(random))}` : ''}${subresource}`,
    query: queryOf(random, random.chance(0.2) ? 'watch' : 'list', info),
    headers: {},
    body: random.chance(0.05) ? garbage(random) : undefined,
  });
}

function reviewCase(random: Random): Case {
  const info = random.pick(resources.filter(({ storagePrefix }) => storagePrefix === undefined));
  const spec = {
    user: hostileText(random),
    groups: [hostileText(random), 'system:masters'],
    token: hostileText(random),
    audiences: [hostileText(random)],
    namespace: hostileText(random),
    resourceAttributes: { verb: 'get', resource: 'pods', namespace: 'default' },
    nonResourceAttributes: { path: hostileText(random), verb: '*' },
    expirationSeconds: 3_600,
    boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'x' },
  };
  const body = encodedBody(
    random,
    mutated(random, { apiVersion: apiVersionOf(info), kind: info.kind, metadata: {}, spec }, random.below(5)),
  );
  return finish(random, {
    method: 'POST',
    info,
    path: collectionOf(random, info),
    query: '',
    headers: { 'content-type': body.type, ...body.headers },
    body: body.bytes,
  });
}

function pathCase(random: Random): Case {
  const parts = Array.from({ length: random.below(9) }, () =>
    random.pick([
      'api',
      'apis',
      'v1',
      'namespaces',
      'default',
      'pods',
      'watch',
      '..',
      '.',
      '',
      'openapi',
      'v3',
      'version',
      'healthz',
      'readyz',
      'metrics',
      'logs',
      'status',
      encodeName(hostileText(random)),
      '%2e%2e',
      '%2f',
      '%00',
      '%zz',
      '%c0%ae',
    ]),
  );
  return {
    identity: random.pick(identities),
    shape: 'path',
    method: random.pick(['GET', 'POST', 'OPTIONS']),
    path: `/${parts.join('/')}`.slice(0, 12_000),
    headers: headersOf(random),
    ...(random.chance(0.2) ? { body: garbage(random) } : {}),
  };
}

interface Draft {
  readonly method: string;
  readonly info: ResourceInfo;
  readonly path: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
}

function finish(random: Random, { method, info, path, query, headers, body }: Draft): Case {
  const isRead = method === 'GET' || method === 'HEAD';
  const tried = !isRead && onlyTried.has(info.group) ? '&dryRun=All' : '';
  return {
    identity: random.chance(0.92) ? 'admin' : random.pick(identities),
    shape: `${method} ${info.resource}`,
    method,
    // A watch without an end would be no case that ends.
    path: `${path.slice(0, longestPath)}?${path.includes('/watch/') ? 'timeoutSeconds=1&' : ''}${query}${tried}`.slice(
      0,
      longestTarget,
    ),
    headers: { ...headersOf(random), ...headers },
    ...(body === undefined || isRead ? {} : { body }),
  };
}

function collectionOf(random: Random, info: ResourceInfo): string {
  const root = info.group === '' ? '/api/v1' : `/apis/${apiVersionOf(info)}`;
  const watch = random.chance(0.01) ? '/watch' : '';
  if (!info.namespaced) return `${root}${watch}/${info.resource}`;
  const namespace = random.chance(0.95) ? random.pick(fuzzNamespaces) : encodeName(hostileText(random));
  return `${root}${watch}/namespaces/${namespace}/${info.resource}`;
}

function subresourceOf(random: Random, info: ResourceInfo): string {
  const names = info.subresources.map(({ name }) => name).filter((name) => !reaching.has(name));
  if (names.length === 0 || random.chance(0.1)) return `/${encodeName(hostileText(random)).slice(0, 500)}`;
  return `/${random.pick(names)}`;
}

function randomName(random: Random): string {
  if (random.chance(0.15)) return hostileText(random).slice(0, 4_000);
  return `f${random.below(20)}`;
}

function encodeName(name: string): string {
  return encodeURIComponent(name.toWellFormed());
}

function queryOf(random: Random, use: 'write' | 'delete' | 'list' | 'watch', info: ResourceInfo): string {
  const out: string[] = [];
  const text = (): string => encodeName(hostileText(random));
  const add = (chance: number, make: () => string): void => {
    if (random.chance(chance)) out.push(make());
  };
  if (use === 'watch') {
    out.push('watch=1', 'timeoutSeconds=1');
    add(0.3, () => 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan');
    add(0.3, () => 'allowWatchBookmarks=true');
  }
  if (use === 'list' || use === 'watch') {
    add(0.2, () => `labelSelector=${encodeName(selector(random))}`);
    add(0.15, () => `fieldSelector=${encodeName(fieldSelector(random, info))}`);
    add(0.3, () => `limit=${random.pick(['1', '1', '0', '500', '-1', '99999999999999999999', text()])}`);
    add(
      0.1,
      () =>
        `continue=${random.pick([text(), 'eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6LTEsInN0YXJ0IjoiLi4vIn0'])}`,
    );
    add(
      0.2,
      () => `resourceVersion=${random.pick(['0', '0', '1', '50', '-1', '18446744073709551616', text()])}`,
    );
    add(0.1, () => `resourceVersionMatch=${random.pick(['Exact', 'NotOlderThan', text()])}`);
  } else {
    add(0.05, () => `fieldManager=${text()}`);
    add(0.3, () => `fieldValidation=${random.pick(['Strict', 'Warn', 'Warn', 'Ignore', 'Ignore', text()])}`);
    add(0.2, () => 'dryRun=All');
    if (use === 'delete') {
      add(0.4, () => `gracePeriodSeconds=${random.pick(['0', '-1', '30', '1e9', text()])}`);
      add(0.3, () => `propagationPolicy=${random.pick(['Orphan', 'Foreground', 'Background', text()])}`);
    }
  }
  add(0.03, () => `${text()}=${text()}`);
  return out.join('&');
}

function selector(random: Random): string {
  const parts = Array.from({ length: random.chance(0.03) ? random.below(2_000) : random.below(4) }, () =>
    random.pick([
      'a',
      'a=b',
      '!a',
      'a in (b,c)',
      'a notin ()',
      'a>1',
      'a<x',
      `${hostileText(random).slice(0, 200)}=x`,
      '(',
      ',',
      'a==b=c',
      'x in (',
    ]),
  );
  return parts.join(random.pick([',', ',', ', ', ''])).slice(0, 8_000);
}

function fieldSelector(random: Random, info: ResourceInfo): string {
  const fields = ['metadata.name', 'metadata.namespace', ...info.selectableFields, 'spec.x'];
  const parts = Array.from(
    { length: 1 + random.below(3) },
    () => `${random.pick(fields)}${random.pick(['=', '==', '!=', ''])}${hostileText(random).slice(0, 200)}`,
  );
  return parts.join(',');
}

function headersOf(random: Random): Record<string, string> {
  const out: Record<string, string> = { accept: random.pick(accepts) };
  const add = (chance: number, name: string, value: () => string): void => {
    if (random.chance(chance)) out[name] = value();
  };
  add(0.05, 'authorization', () =>
    random.pick([
      'Bearer ',
      `Bearer ${hostileHeader(random)}`,
      'Basic YTpi',
      'Bearer a.b.c',
      `Bearer ${token(random)}`,
    ]),
  );
  add(0.03, 'impersonate-user', () => hostileHeader(random));
  add(0.02, 'impersonate-extra-%00', () => hostileHeader(random));
  add(0.02, 'impersonate-group', () => hostileHeader(random));
  add(0.02, 'x-remote-user', () => 'admin');
  add(0.1, 'accept-encoding', () => random.pick(['gzip', 'gzip;q=0', hostileHeader(random)]));
  add(0.05, 'user-agent', () => hostileHeader(random));
  add(0.02, 'timonier-office', () => hostileHeader(random));
  return out;
}

function token(random: Random): string {
  const part = (value: unknown): string => Buffer.from(writeJson(value)).toString('base64url');
  const header = random.pick([
    { alg: 'none' },
    { alg: 'ES256' },
    { alg: 'HS256' },
    [],
    null,
    hostileTree(random),
  ]);
  return `${part(header)}.${part(mutated(random, { iss: 'x', sub: 'y', exp: 9e9 }, 2))}.${part(1)}`.slice(
    0,
    8_000,
  );
}

/** What a header may hold at all. */
function hostileHeader(random: Random): string {
  return hostileText(random)
    .replaceAll(/[^\x20-\x7e]/g, '?')
    .slice(0, 3_000)
    .trim();
}

interface EncodedBody {
  readonly type: string;
  readonly bytes: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

function encodedBody(random: Random, value: unknown): EncodedBody {
  const type = random.pick(media);
  let bytes = bytesOf(random, type, value);
  if (random.chance(0.1)) bytes = damaged(random, bytes);
  if (random.chance(0.02)) bytes = garbage(random);
  const headers: Record<string, string> = {};
  if (random.chance(0.02)) {
    bytes = gzipSync(bytes);
    headers['content-encoding'] = 'gzip';
  }
  return {
    type: random.chance(0.03) ? random.pick([...media, hostileHeader(random)]) : type,
    bytes,
    headers,
  };
}

function bytesOf(random: Random, type: (typeof media)[number], value: unknown): Buffer {
  if (type === media[0]) return Buffer.from(writeJson(value));
  if (type === media[1]) {
    const text = stringify(JSON.parse(JSON.stringify(value ?? null)));
    return Buffer.from(random.chance(0.1) ? `a: &a [*a, ${'{x: '.repeat(random.below(500))}\n${text}` : text);
  }
  try {
    return encodeProtobuf(value as ApiObject);
  } catch {
    // What cannot be said in protobuf goes as the bytes of its JSON, behind the right magic.
    return Buffer.concat([Buffer.from('k8s\0'), Buffer.from(JSON.stringify(value ?? null))]);
  }
}

function damaged(random: Random, bytes: Buffer): Buffer {
  const out = Buffer.from(bytes);
  for (let i = 0; i < 1 + random.below(4) && out.length > 0; i++)
    out[random.below(out.length)] = random.below(256);
  return random.chance(0.3) ? out.subarray(0, random.below(out.length + 1)) : out;
}

/** Bodies that mean nothing, or too much. */
function garbage(random: Random): Buffer {
  const depth = random.below(20_000);
  switch (random.below(9)) {
    case 0:
      return Buffer.from(Array.from({ length: random.below(500) }, () => random.below(256)));
    case 1:
      return Buffer.from('['.repeat(depth));
    case 2:
      return Buffer.from(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`);
    case 3:
      return Buffer.from(`{${'"a":1,'.repeat(depth)}"a":2}`);
    case 4: {
      const levels = 2 + random.below(12);
      const lines = Array.from({ length: levels }, (_, i) =>
        i === 0
          ? 'a0: &a0 [x, x]'
          : `a${i}: &a${i} [${Array.from({ length: 9 }, () => `*a${i - 1}`).join()}]`,
      );
      return Buffer.from(lines.join('\n'));
    }
    case 5:
      // A message in a message in a message, each with the length of all that follows.
      return nestedSchemas(random.below(3_000));
    case 6:
      return Buffer.from(
        `{"metadata":{"name":"big","annotations":{"a":"${'x'.repeat(random.below(400_000))}"}}}`,
      );
    case 7:
      return Buffer.from([0x6b, 0x38, 0x73, 0, 0x12, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 2, 3]);
    default:
      return Buffer.from(
        random.pick([
          '',
          ' ',
          'null',
          '1',
          '"x"',
          '[]',
          '{}',
          '---\n---\n',
          '%YAML 9.9\n---\n',
          '\u{feff}{}',
          '{"a":1}x',
        ]),
      );
  }
}
