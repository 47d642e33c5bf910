/** Answers: an object in the negotiated representation, or the Status of a failure. */
import type { ApiObject } from '@timonier/api/decode';
import { GrpcError, Status as GrpcStatus } from '@timonier/grpc';
import {
  formNotAcceptable,
  internalError,
  requestEntityTooLarge,
  serviceUnavailable,
  StatusError,
} from '@timonier/api/statuses';
import type { ResourceInfo, Status } from '@timonier/api';
import { PatchError } from '@timonier/api';
import { contentTypes, negotiate, type Offer, type Representation, wantsPretty } from '../http/media.ts';
import type { Exchange } from '../http/exchange.ts';
import type { RequestContext } from '../request-context.ts';
import type { StoredObject } from '../storage/stored-object.ts';
import { encodeObject, type EncodeOptions, encodeTree, type TableContent } from './encode.ts';
import { listBody } from './list-body.ts';
import type { ListMeta } from './list-form.ts';
import { bad } from './query.ts';

/** What a store says, or a connection to one, when it may be well again soon. */
const unreachable: ReadonlySet<number> = new Set([
  GrpcStatus.UNAVAILABLE,
  GrpcStatus.DEADLINE_EXCEEDED,
  GrpcStatus.RESOURCE_EXHAUSTED,
]);
/** etcd's texts for a write beyond its `--max-request-bytes`, and far beyond; asking again would not help. */
const tooLargeForStore = /etcdserver: request is too large|message larger than max/;
const everything: Offer = { transforms: true, protobuf: true, isCollection: false, isWatch: false };

/** The representation that the client of a request wants. Throws 406. */
export function representationOf(exchange: Exchange, offer: Partial<Offer> = {}): Representation {
  return negotiate(exchange.header('accept'), { ...everything, ...offer }, wantsPretty(exchange));
}

/** Custom resources have no protobuf form. */
export function offerOf(info: ResourceInfo): Partial<Offer> {
  return info.custom === undefined ? {} : { protobuf: false };
}

/** The same of one object, or of a list. Throws 406 where the metadata of the other are asked for. */
export function representationFor(
  exchange: Exchange,
  info: ResourceInfo,
  { isList, ...offer }: Partial<Offer> & { readonly isList: boolean },
): Representation {
  const representation = representationOf(exchange, { ...offerOf(info), ...offer });
  if (representation.form !== 'metadata' || representation.isOfList === isList) return representation;
  const [asked, found] = isList
    ? ['PartialObjectMetadata', `a list (${goTypeOf(info, 'List')})`]
    : ['PartialObjectMetadataList', `not a list (${goTypeOf(info, '')})`];
  const message = `you requested ${asked}, but the requested object is ${found}`;
  throw new StatusError({ ...formNotAcceptable([]), message });
}

/** What upstream calls a kind here. */
function goTypeOf({ custom, group, kind }: ResourceInfo, suffix: string): string {
  if (custom !== undefined) return `*unstructured.Unstructured${suffix}`;
  const [name = ''] = group.split('.');
  return `*${name === '' || name === 'events' ? 'core' : name}.${kind}${suffix}`;
}

export function includeObjectOf(exchange: Exchange): TableContent {
  const value = exchange.query.get('includeObject') ?? '';
  if (value === '' || value === 'Metadata') return 'Metadata';
  if (value === 'None' || value === 'Object') return value;
  throw bad(
    `Unable to convert to Table as requested: includeObject: Invalid value: ${JSON.stringify(value)}: must be 'Metadata', 'Object', 'None', or empty`,
  );
}

export async function respondObject(
  context: RequestContext,
  statusCode: number,
  object: StoredObject | ApiObject,
): Promise<void> {
  const { exchange, target } = context;
  const representation = exchange.shownAs ?? representationFor(exchange, target.info, { isList: false });
  const body = encodeObject(object, {
    info: target.info,
    representation,
    includeObject: includeObjectOf(exchange),
  });
  await exchange.send(statusCode, contentTypes[representation.media], body);
}

/** Answers with a list, of which no more is made than the client takes. */
export async function respondList(
  exchange: Exchange,
  items: readonly StoredObject[],
  meta: ListMeta,
  options: EncodeOptions,
): Promise<void> {
  const body = await listBody(items, meta, options, () => exchange.isOver);
  if (body === undefined) return;
  await exchange.sendPieces(200, contentTypes[options.representation.media], body.pieces, body.length);
}

/** Answers with a tree of another kind than the resource's, such as a Scale or a Status. */
export async function respondTree(exchange: Exchange, statusCode: number, tree: object): Promise<void> {
  const representation = mediaOnly(exchange, { transforms: true });
  await exchange.send(statusCode, contentTypes[representation.media], encodeTree(tree, representation));
}

/** Answers with the Status of whatever was thrown, in the client's media type if that can be. */
export async function respondError(exchange: Exchange, error: unknown): Promise<void> {
  const status = statusOf(error);
  const code = status.code ?? 500;
  const retry = status.details?.retryAfterSeconds;
  const headers: Record<string, string> = retry === undefined ? {} : { 'retry-after': String(retry) };
  if (code === 401) headers['www-authenticate'] = 'Bearer realm="kubernetes"';
  // Failures come in no other form, and in JSON to who takes nothing else.
  const representation = mediaOnly(exchange, { transforms: false });
  await exchange.send(code, contentTypes[representation.media], encodeTree(status, representation), headers);
}

export function statusOf(error: unknown): Status {
  if (error instanceof StatusError) return error.status;
  if (error instanceof PatchError) {
    const reason =
      error.code === 422 ? 'Invalid' : error.code === 413 ? 'RequestEntityTooLarge' : 'BadRequest';
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: error.message,
      reason,
      // A patch that does not fit is refused with details that say nothing.
      ...(error.code === 422 ? { details: {} } : {}),
      code: error.code,
    };
  }
  if (error instanceof GrpcError && tooLargeForStore.test(error.details))
    return requestEntityTooLarge(error.details);
  if (error instanceof GrpcError && unreachable.has(error.code))
    return {
      ...serviceUnavailable(`the store does not answer: ${error.details}`),
      details: { retryAfterSeconds: 1 },
    };
  return internalError(error instanceof Error ? error.message : String(error));
}

function mediaOnly(exchange: Exchange, offer: Pick<Offer, 'transforms'>): Representation {
  try {
    return { ...representationOf(exchange, offer), form: 'object' };
  } catch {
    return { media: 'json', form: 'object', metaVersion: 'v1', pretty: false };
  }
}
