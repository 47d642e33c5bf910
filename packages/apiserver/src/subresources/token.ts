/** serviceaccounts/token: a TokenRequest is answered with a token, which may be bound to a Pod, a Node or a Secret. */
import { storageKey, type Pod, type TokenRequest } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { conflict, invalid, notFound, StatusError } from '@timonier/api/statuses';
import { admitOwn, ownKinds } from '../admission/own-object.ts';
import { decodeOwnBody } from '../pipeline/decode.ts';
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

export async function issueToken(context: RequestContext): Promise<void> {
  const { exchange, server, target } = context;
  const sent: TokenRequest = await decodeOwnBody(exchange, ownKinds.token);
  const { name: ofName = '', namespace: ofNamespace = '', uid: ofUid = '' } = sent.metadata ?? {};
  if (ofNamespace !== '' && ofNamespace !== target.namespace)
    throw bad('the namespace of the provided object does not match the namespace sent on the request');
  if (ofName !== '' && ofName !== target.name) throw otherName(target.name, ofName);
  const tokens = server.tokens;
  if (tokens === undefined) throw bad('this server has no key to sign tokens with');
  await freshEnough(context, undefined);
  const { namespace, name } = target;
  const account = find(context, 'serviceaccounts', name);
  if (account === undefined) throw new StatusError(notFound(target.info, name));
  const { uid = '' } = account.metadata ?? {};
  if (ofUid !== '' && ofUid !== uid)
    throw new StatusError(
      conflict(
        { group: ownKinds.token.group, resource: ownKinds.token.kind },
        name,
        `the UID in the token request (${ofUid}) does not match the UID of the service account (${uid})`,
      ),
    );
  const request = await admitOwn(context, ownKinds.token, asJudged(sent, target, uid), {
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
function asJudged(
  sent: TokenRequest,
  { namespace, name }: RequestContext['target'],
  uid: string,
): TokenRequest {
  return {
    ...sent,
    metadata: { ...sent.metadata, name, namespace, uid },
    spec: { boundObjectRef: null, ...sent.spec, expirationSeconds: secondsOf(sent.spec) },
    status: { token: '', expirationTimestamp: null },
  } as unknown as TokenRequest;
}

function otherName(name: string, given: string): StatusError {
  const field = 'metadata.name';
  const message = `Invalid value: ${JSON.stringify(given)}: must match the service account name if specified`;
  const cause = { reason: 'FieldValueInvalid', message, field };
  return new StatusError(invalid(ownKinds.token, name, `${field}: ${message}`, [cause]));
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
  throw new StatusError(invalid(ownKinds.token, '', `${field}: ${message}`, [cause]));
}

function boundObjects(
  context: RequestContext,
  { spec }: TokenRequest,
): { pod?: BoundObject; node?: BoundObject; secret?: BoundObject } {
  const { target } = context;
  const { apiVersion = '', kind = '', name = '', uid = '' } = spec?.boundObjectRef ?? {};
  if (spec?.boundObjectRef === undefined || spec.boundObjectRef === null) return {};
  const resource = apiVersion.includes('/') ? undefined : bindable.get(kind);
  if (resource === undefined) {
    const groupVersion = apiVersion.includes('/') ? apiVersion : `/${apiVersion}`;
    throw bad(`cannot bind token to object of type ${groupVersion}, Kind=${kind}`);
  }
  if (name === '') throw bad('Name parameter required.');
  const object = find(context, resource, name);
  if (object === undefined) throw new StatusError(notFound({ group: '', resource }, name));
  const own = identity(object);
  const pod: Pod | undefined = resource === 'pods' ? object : undefined;
  if (pod !== undefined && pod.spec?.serviceAccountName !== target.name)
    throw bad(
      `cannot bind token for serviceaccount "${target.name}" to pod running with different serviceaccount name.`,
    );
  if (uid !== '' && uid !== own.uid)
    throw new StatusError(
      conflict(
        // As upstream calls it here.
        { group: '', resource: kind },
        name,
        `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
      ),
    );
  if (resource === 'secrets') return { secret: own };
  if (pod === undefined) return { node: own };
  const nodeName = pod.spec?.nodeName ?? '';
  const node = nodeName === '' ? undefined : find(context, 'nodes', nodeName);
  return { pod: own, ...(node === undefined ? {} : { node: identity(node) }) };
}

/** What a token may be bound to. */
const bindable: ReadonlyMap<string, string> = new Map([
  ['Node', 'nodes'],
  ['Pod', 'pods'],
  ['Secret', 'secrets'],
]);

function find({ server, target }: RequestContext, resource: string, name: string): ApiObject | undefined {
  const info = server.registry.lookup('', 'v1', resource);
  if (info === undefined) return undefined;
  const key = storageKey(info, info.namespaced ? target.namespace : '', name, server.root);
  return server.cache
    .resource(info.storagePrefix ?? '')
    .index.get(key)
    ?.object();
}

function identity({ metadata }: ApiObject): BoundObject {
  return { name: metadata?.name ?? '', uid: metadata?.uid ?? '' };
}
