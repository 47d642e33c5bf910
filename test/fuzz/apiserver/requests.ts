/**
 * One hostile request from one number: methods, paths, queries, headers and bodies in every media type, most of them
 * nearly right, so that they come far. What would reach beyond the server is left out: proxies to addresses that a
 * request could choose, and webhooks and extension servers that would be called from then on.
 */
import { apiVersionOf, registry, type ResourceInfo } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { examples } from '../../../packages/api/src/testing/examples.ts';
import type { Random } from '../../simulation/random.ts';
import { encodedBody, garbage } from './bodies.ts';
import { headersOf, hostileHeader } from './headers.ts';
import { customGroup, customObject, customResource, definition, policy } from './expressions.ts';
import { managedFields, operations, patches } from './patches.ts';
import { collectionOf, encodeName, fuzzNamespaces, randomName, subresourceOf } from './paths.ts';
import { queryOf } from './queries.ts';
import { type Asked, identities, type Identity } from './subject.ts';
import { hostileText, mutated, writeJson } from './values.ts';

export interface Case extends Asked {
  readonly identity: Identity;
  /** For the report of a failure. */
  readonly shape: string;
}

/** Their objects would be called on every request after them. */
const onlyTried: ReadonlySet<string> = new Set([
  'admissionregistration.k8s.io',
  'apiregistration.k8s.io',
  'apiextensions.k8s.io',
]);
/** Node's client sends no more in one header block. */
const longestPath = 20_000;
const longestTarget = 40_000;
const known = examples();
const resources = registry.all();

/** The request that a generator in this state makes. */
export function makeCase(random: Random): Case {
  const kind = random.below(25);
  if (kind === 0) return pathCase(random);
  if (kind < 3) return reviewCase(random);
  if (kind < 8) return readCase(random);
  if (kind < 13) return patchCase(random);
  if (kind < 16) return subresourceCase(random);
  if (kind < 19) return expressionCase(random);
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
  const changed = type === patches[3] && random.chance(0.5) ? withManagedFields(random, object()) : object();
  const value =
    type === patches[0] ? operations(random, object()) : mutated(random, changed, random.below(5));
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

function withManagedFields(random: Random, object: ApiObject): unknown {
  return { ...object, metadata: { ...object.metadata, managedFields: managedFields(random) } };
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

/** What subresources take that is not the object itself. */
const sent: Readonly<Record<string, object>> = {
  binding: { apiVersion: 'v1', kind: 'Binding', target: { kind: 'Node', name: 'node-1' } },
  eviction: { apiVersion: 'policy/v1', kind: 'Eviction', deleteOptions: { gracePeriodSeconds: 0 } },
  scale: { apiVersion: 'autoscaling/v1', kind: 'Scale', spec: { replicas: 3 } },
  token: {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: {
      audiences: ['a'],
      expirationSeconds: 600,
      boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'a', uid: 'x' },
    },
  },
};

function subresourceCase(random: Random): Case {
  const { info, object } = random.pick(known.filter(({ info: { subresources } }) => subresources.length > 0));
  const subresource = subresourceOf(random, info);
  const name = random.chance(0.5) ? (object().metadata?.name ?? '') : randomName(random);
  const given = sent[subresource.slice(1)] ?? object();
  const value = mutated(random, { ...given, metadata: { ...object().metadata, name } }, random.below(4));
  const body = encodedBody(random, value);
  const method = random.pick(['POST', 'PUT', 'PUT', 'PATCH', 'GET', 'DELETE']);
  const type = method === 'PATCH' ? random.pick(patches) : body.type;
  return finish(random, {
    method,
    info,
    path: `${collectionOf(random, info)}/${encodeName(name)}${subresource}`,
    query:
      method === 'GET'
        ? queryOf(random, 'list', info)
        : `fieldManager=fuzz&${queryOf(random, 'write', info)}`,
    headers: { 'content-type': type, ...body.headers },
    body: method === 'PATCH' ? Buffer.from(writeJson(value)) : body.bytes,
  });
}

function entries(count: number): Readonly<Record<string, string>> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 'v']));
}

/** Definitions and policies with expressions, which are made for real, and objects that these judge. */
function expressionCase(random: Random): Case {
  const plural = customResource(random);
  const name = `f${random.below(4)}`;
  const namespace = random.pick(fuzzNamespaces);
  const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  const policies = '/apis/admissionregistration.k8s.io/v1';
  const [shape, root, object, key] = random.pick<() => readonly [string, string, object, string]>([
    () => ['definition', definitions, definition(random, plural), `${plural}.${customGroup}`],
    () => {
      const made = policy(random, name);
      const isBinding = 'kind' in made && made.kind === 'ValidatingAdmissionPolicyBinding';
      return ['policy', `${policies}/validatingadmissionpolic${isBinding ? 'ybindings' : 'ies'}`, made, name];
    },
    () => [
      'custom object',
      `/apis/${customGroup}/v1/namespaces/${namespace}/${plural}`,
      customObject(random, plural, name),
      name,
    ],
    () => [
      'judged object',
      `/api/v1/namespaces/${namespace}/configmaps`,
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name },
        data: { ...entries(random.below(200)), a: 'a'.repeat(random.pick([1, 100, 10_000])) },
      },
      name,
    ],
  ])();
  const method = random.pick(['POST', 'POST', 'PATCH', 'PATCH', 'DELETE']);
  const isApply = method === 'PATCH' && random.chance(0.7);
  const named = method === 'POST' ? root : `${root}/${key}`;
  return {
    identity: 'admin',
    shape: `${method} ${shape}`,
    method,
    path: `${named}${isApply ? '?fieldManager=fuzz&force=true' : ''}`,
    headers: {
      ...headersOf(random),
      'content-type': isApply ? patches[3] : method === 'PATCH' ? patches[1] : 'application/json',
    },
    ...(method === 'DELETE'
      ? {}
      : { body: writeJson(random.chance(0.2) ? mutated(random, object, 1) : object) }),
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
