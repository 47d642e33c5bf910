/**
 * What is not a resource: discovery, OpenAPI, version. Documents are made when first asked for and kept, with an ETag,
 * because every command of a client begins with them.
 */
import type { Registry } from '@timonier/api';
import {
  aggregatedDiscovery,
  apiGroup,
  apiGroupList,
  apiResourceList,
  apiVersions,
} from '@timonier/api/discovery';
import {
  openapiHash,
  openapiV2,
  openapiV3At,
  openapiV3Index,
  type OpenApiOptions,
} from '@timonier/api/openapi';
import { pathNotFound, StatusError } from '@timonier/api/statuses';
import { versionInfo } from '@timonier/component';
import {
  withRemoteDiscovery,
  withRemoteGroups,
  withRemotePaths,
  withRemoteSwagger,
  withRemoteVersions,
} from '../aggregation/discovery.ts';
import type { RemoteServer } from '../aggregation/remote.ts';
import { encodeTree } from '../pipeline/encode.ts';
import { contentTypes, isAccepted, negotiate, type Offer, parseAccept, wantsPretty } from './media.ts';
import type { Exchange } from './exchange.ts';
import { modelTexts } from '@timonier/api/openapi/model-texts';
import { encodeOpenApiV2, openapiV2ProtobufTypes } from './openapi-protobuf.ts';

const aggregatedType = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
const yearMs = 365 * 86_400_000;
const all = (): boolean => true;

/** The secondary servers, whose documents are part of these. */
interface Remotes {
  readonly remotes: readonly RemoteServer[];
  /** Changes when what they contribute does. */
  readonly generation: number;
}

const noRemotes: Remotes = { remotes: [], generation: 0 };

const fixedPaths: readonly string[] = [
  '/.well-known/openid-configuration',
  '/api',
  '/api/v1',
  '/apis',
  '/apis/',
  '/healthz',
  '/livez',
  '/metrics',
  '/openapi/v2',
  '/openapi/v3',
  '/openapi/v3/',
  '/openid/v1/jwks',
  '/readyz',
  '/version',
];

interface Document {
  readonly body: Buffer;
  readonly etag: string;
  readonly hash: string;
  readonly contentType: string;
}

export class Documents {
  readonly #registry: Registry;
  readonly #address: string;
  readonly #openapi: OpenApiOptions;
  readonly #kept = new Map<string, Document>();
  readonly #remotes: Remotes;
  #generation = '';

  /** `address` is the `host:port` that clients are told. */
  constructor(registry: Registry, address: string, remotes: Remotes = noRemotes) {
    this.#registry = registry;
    this.#remotes = remotes;
    this.#address = address;
    this.#openapi = { registry, served: all, version: versionInfo().gitVersion ?? '', texts: modelTexts() };
  }

  /** Answers a request for a document. Throws 404 when there is none at this path. */
  async answer(exchange: Exchange): Promise<void> {
    const path = exchange.url.pathname.replace(/\/$/, '');
    if (path.startsWith('/openapi/v3/')) {
      await this.#answerOpenApi(exchange, path);
      return;
    }
    if (path === '/openapi/v2' && wantsProtobuf(exchange)) {
      const document = this.#document('/openapi/v2 protobuf', () => encodeOpenApiV2(this.#openapiV2()));
      await exchange.send(200, openapiV2ProtobufTypes[1] ?? '', document.body, {
        etag: document.etag,
        vary: 'Accept',
      });
      return;
    }
    const aggregated = (path === '/api' || path === '/apis') && wantsAggregated(exchange);
    const pretty = path === '/version' || (!aggregated && path !== '/openapi/v2' && wantsPretty(exchange));
    const key = aggregated ? `${path} aggregated` : pretty ? `${path} pretty` : path;
    const document = this.#document(
      key,
      () => (aggregated ? this.#aggregated(path === '/api') : this.#discovery(path)),
      pretty,
    );
    const cached = aggregated ? { 'cache-control': 'public' } : {};
    const headers = { etag: document.etag, vary: 'Accept', ...cached };
    if (!aggregated && /^\/apis?(?:\/|$)/.test(path)) {
      const representation = negotiate(exchange.header('accept'), this.#offerOf(path), pretty);
      if (representation.media !== 'json') {
        const body = encodeTree(JSON.parse(document.body.toString()) as object, representation);
        await exchange.send(200, contentTypes[representation.media], body, { vary: 'Accept' });
        return;
      }
    }
    if (exchange.header('if-none-match') === document.etag) {
      exchange.statusCode = 304;
      exchange.response.writeHead(304, { ...headers, ...exchange.headers });
      exchange.response.end();
      return;
    }
    await exchange.send(200, aggregated ? aggregatedType : document.contentType, document.body, headers);
  }

  /** What is told of a group in no other form; those of custom resources are not found by what they are told in. */
  #offerOf(path: string): Offer {
    const group = path.split('/')[2] ?? '';
    const isCustom = this.#registry.all().some((info) => info.group === group && info.custom !== undefined);
    return { transforms: false, protobuf: true, isCollection: false, isWatch: false, isRouted: !isCustom };
  }

  /** The document of a group and version, or of a place beside them. Its address names its content, so that clients may keep it. */
  async #answerOpenApi(exchange: Exchange, path: string): Promise<void> {
    const { body, hash } = this.#document(path, () => openapiV3At(this.#openapi, placeOf(path)));
    const asked = exchange.query.get('hash');
    if (asked !== null && asked !== hash) {
      exchange.statusCode = 301;
      exchange.response.writeHead(301, { location: `${path}?hash=${hash}` });
      exchange.response.end();
      return;
    }
    const forever = {
      'cache-control': 'public, immutable',
      expires: new Date(Date.now() + yearMs).toUTCString(),
    };
    const headers = { etag: `"${hash}"`, vary: 'Accept', ...(asked === null ? {} : forever) };
    await exchange.send(200, contentTypes.json, body, headers);
  }

  /** What was made from another state of the registry is forgotten: kinds come and go at run time. */
  #document(key: string, make: () => object | undefined, pretty = false): Document {
    const generation = `${this.#registry.generation} ${this.#remotes.generation}`;
    if (this.#generation !== generation) {
      this.#kept.clear();
      this.#generation = generation;
    }
    let document = this.#kept.get(key);
    if (document === undefined) {
      const value = make();
      // Only what exists is kept: paths come from outside.
      if (value === undefined) throw new StatusError(pathNotFound());
      const body = Buffer.isBuffer(value)
        ? value
        : Buffer.from(JSON.stringify(value, null, pretty ? 2 : undefined));
      const hash = openapiHash(value);
      const etag = `"${hash.slice(0, 32)}"`;
      document = { body, etag, hash, contentType: contentTypes.json };
      this.#kept.set(key, document);
    }
    return document;
  }

  #aggregated(core: boolean): object {
    const document = aggregatedDiscovery(this.#registry, all, core);
    return core ? document : withRemoteDiscovery(document, this.#remotes.remotes);
  }

  #openapiV2(): Record<string, unknown> {
    return withRemoteSwagger(openapiV2(this.#openapi), this.#remotes.remotes);
  }

  /** What there is beside resources, by the alphabet. */
  #paths(): readonly string[] {
    const { groups } = this.#discovery('/apis') as ReturnType<typeof apiGroupList>;
    const ofGroups = groups.flatMap(({ name, versions }) => [
      `/apis/${name}`,
      ...versions.map(({ groupVersion }) => `/apis/${groupVersion}`),
    ]);
    return [...fixedPaths, ...ofGroups].sort();
  }

  #discovery(path: string): object | undefined {
    if (path === '/version') return versionInfo();
    if (path === '/openapi/v2') return this.#openapiV2();
    if (path === '/openapi/v3')
      return withRemotePaths(
        openapiV3Index(
          this.#openapi,
          (place) => this.#document(`/openapi/v3/${place}`, () => openapiV3At(this.#openapi, place)).hash,
        ),
        this.#remotes.remotes,
      );
    if (path === '') return { paths: this.#paths() };
    const [, root, first = '', second = '', ...more] = path.split('/');
    if (more.length > 0) return undefined;
    if (root === 'api' && second === '')
      return first === ''
        ? apiVersions(this.#address)
        : apiResourceList(this.#registry, all, { group: '', version: first });
    if (root !== 'apis') return undefined;
    const { remotes } = this.#remotes;
    if (first === '') {
      const list = apiGroupList(this.#registry, all);
      return { ...list, groups: withRemoteGroups(list.groups, remotes) };
    }
    if (second === '') return withRemoteVersions(apiGroup(this.#registry, all, first), first, remotes);
    return apiResourceList(this.#registry, all, { group: first, version: second });
  }
}

/** What follows `/openapi/v3/`. */
function placeOf(path: string): string {
  return path.slice('/openapi/v3/'.length);
}

function wantsProtobuf(exchange: Exchange): boolean {
  const [first] = parseAccept(exchange.header('accept') ?? '*/*');
  return first !== undefined && openapiV2ProtobufTypes.includes(`${first.type}/${first.subtype}`);
}

/** The aggregated document is asked for by its kind, wherever that stands. */
function wantsAggregated(exchange: Exchange): boolean {
  return parseAccept(exchange.header('accept') ?? '').some(
    (range) =>
      isAccepted(range, contentTypes.json) &&
      Object.entries(aggregatedKind).every(([name, value]) => range.parameters.get(name) === value),
  );
}

const aggregatedKind = { as: 'APIGroupDiscoveryList', g: 'apidiscovery.k8s.io', v: 'v2' };
