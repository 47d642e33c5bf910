/** serviceaccounts/token: a TokenRequest is answered with a token, which may be bound to a Pod or a Secret. */
import { storageKey, type Pod, type TokenRequest } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { conflict, invalid, notFound, StatusError } from '@timonier/api/statuses';
import { admitOwn, ownKinds } from '../admission/own-object.ts';
import { bodyMedia } from '../http/media.ts';
import { decodeBodyAs } from '../pipeline/decode.ts';
import { timestamp } from '../timestamp.ts';
import { bad } from '../pipeline/query.ts';
import { respondTree } from '../pipeline/respond.ts';
import type { RequestContext } from '../request-context.ts';
import type { BoundObject } from '../tokens/service-account-tokens.ts';
import { freshEnough } from '../verbs/get.ts';

const defaultSeconds = 3_600;
const minSeconds = 600;
const maxSeconds = 2 ** 32;
/** What a mounted token asks for. Old clients read theirs only once, so that it really holds for a year. */
const mountedSeconds = 3_607;
const extendedSeconds = 365 * 24 * 3_600;
const type = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest' };

export async function issueToken(context: RequestContext): Promise<void> {
  const { exchange, server, target } = context;
  const media = bodyMedia(exchange.header('content-type'));
  const sent = decodeBodyAs(await exchange.body(), media, [type]) as unknown as TokenRequest;
  const tokens = server.tokens;
  if (tokens === undefined) throw bad('this server has no key to sign tokens with');
  await freshEnough(context, undefined);
  const { namespace, name } = target;
  const account = find(context, 'serviceaccounts', name);
  if (account === undefined) throw new StatusError(notFound(target.info, name));
  const request = await admitOwn(context, ownKinds.token, asJudged(sent, target), {
    check: ({ spec }) => checkSeconds(secondsOf(spec)),
  });
  const audiences = request.spec?.audiences ?? [];
  const expirationSeconds = secondsOf(request.spec);
  const aud = audiences.length === 0 ? [tokens.signer.issuer] : audiences;
  const bound = boundObjects(context, request);
  const iat = Math.floor(server.now() / 1_000);
  const isExtended =
    expirationSeconds === mountedSeconds && bound.pod !== undefined && aud.includes(tokens.signer.issuer);
  const token = tokens.signer.sign({
    sub: `system:serviceaccount:${namespace}:${name}`,
    aud,
    iat,
    nbf: iat,
    exp: iat + (isExtended ? extendedSeconds : expirationSeconds),
    'kubernetes.io': {
      namespace,
      serviceaccount: identity(account),
      ...bound,
      ...(isExtended ? { warnafter: iat + expirationSeconds } : {}),
    },
  });
  const expirationTimestamp = timestamp((iat + expirationSeconds) * 1_000);
  await respondTree(exchange, 201, {
    ...request,
    metadata: { ...request.metadata, name, namespace, creationTimestamp: timestamp(server.now()) },
    spec: { boundObjectRef: null, ...request.spec, audiences: aud, expirationSeconds },
    status: { token, expirationTimestamp },
  });
}

/** With what upstream shows whoever judges it. */
function asJudged(sent: TokenRequest, { namespace, name }: RequestContext['target']): TokenRequest {
  return {
    ...sent,
    metadata: { ...sent.metadata, name, namespace },
    spec: { boundObjectRef: null, ...sent.spec, expirationSeconds: secondsOf(sent.spec) },
    status: { token: '', expirationTimestamp: null },
  } as unknown as TokenRequest;
}

function secondsOf(spec: TokenRequest['spec']): number {
  return spec?.expirationSeconds ?? defaultSeconds;
}

function checkSeconds(seconds: number): void {
  const message =
    seconds < minSeconds
      ? `Invalid value: ${seconds}: may not specify a duration less than 10 minutes`
      : seconds > maxSeconds
        ? `Invalid value: ${seconds}: may not specify a duration larger than 2^32 seconds`
        : undefined;
  if (message === undefined) return;
  const field = 'spec.expirationSeconds';
  const cause = { reason: 'FieldValueInvalid', message, field };
  const kind = { group: 'authentication.k8s.io', kind: 'TokenRequest' };
  throw new StatusError(invalid(kind, '', `${field}: ${message}`, [cause]));
}

/** Kinds that a token can end with, and their resources. */
const bindable: ReadonlyMap<string, string> = new Map([
  ['Pod', 'pods'],
  ['Node', 'nodes'],
  ['Secret', 'secrets'],
]);

function boundObjects(
  context: RequestContext,
  { spec }: TokenRequest,
): { pod?: BoundObject; node?: BoundObject; secret?: BoundObject } {
  const { target } = context;
  const { apiVersion = '', kind = '', name = '', uid = '' } = spec?.boundObjectRef ?? {};
  if (kind === '') return {};
  const resource = apiVersion.includes('/') ? undefined : bindable.get(kind);
  if (resource === undefined) {
    const groupVersion = apiVersion.includes('/') ? apiVersion : `/${apiVersion}`;
    throw bad(`cannot bind token to object of type ${groupVersion}, Kind=${kind}`);
  }
  const object = find(context, resource, name);
  if (object === undefined) throw new StatusError(notFound({ group: '', resource }, name));
  const own = identity(object);
  if (uid !== '' && uid !== own.uid)
    throw new StatusError(
      conflict(
        { group: '', resource },
        name,
        `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
      ),
    );
  if (resource === 'secrets') return { secret: own };
  if (resource === 'nodes') return { node: own };
  const pod = object as Pod;
  if (pod.spec?.serviceAccountName !== target.name)
    throw bad(
      `cannot bind token for serviceaccount "${target.name}" to pod running with different serviceaccount name.`,
    );
  const nodeName = pod.spec.nodeName ?? '';
  const node = nodeName === '' ? undefined : find(context, 'nodes', nodeName);
  return { pod: own, ...(node === undefined ? {} : { node: identity(node) }) };
}

function find({ server, target }: RequestContext, resource: string, name: string): ApiObject | undefined {
  const info = server.registry.lookup('', 'v1', resource);
  if (info === undefined) return undefined;
  const key = storageKey(info, target.namespace, name, server.root);
  return server.cache
    .resource(info.storagePrefix ?? '')
    .index.get(key)
    ?.object();
}

function identity({ metadata }: ApiObject): BoundObject {
  return { name: metadata?.name ?? '', uid: metadata?.uid ?? '' };
}
