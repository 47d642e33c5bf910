/** A write as webhooks and expressions see it: the `request` of an AdmissionReview, admission.k8s.io/v1. */
import { randomUUID } from 'node:crypto';
import { apiVersionOf } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import type { AdmissionRequest } from './request.ts';
import { shownInfo } from './versions.ts';

interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

interface GroupVersionResource {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
}

export interface RequestAttributes {
  readonly uid: string;
  readonly kind: GroupVersionKind;
  readonly resource: GroupVersionResource;
  readonly subResource?: string;
  readonly requestKind: GroupVersionKind;
  readonly requestResource: GroupVersionResource;
  readonly requestSubResource?: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly operation: string;
  readonly userInfo: {
    readonly username: string;
    readonly uid?: string;
    readonly groups: readonly string[];
    readonly extra?: Readonly<Record<string, readonly string[]>>;
  };
  readonly dryRun: boolean;
  readonly options: object | null;
}

const optionKinds = {
  CREATE: 'CreateOptions',
  UPDATE: 'UpdateOptions',
  DELETE: 'DeleteOptions',
};

/** The namespace that a request is about, which for a namespace is itself; empty for none. */
export function namespaceAsked({ context, object, old }: AdmissionRequest, name?: string): string {
  const { info, namespace, name: ofPath } = context.target;
  if (info.resource !== 'namespaces' || info.group !== '') return namespace;
  return (name ?? ofPath) || ((object ?? old)?.metadata?.name ?? '');
}

export function attributesOf(request: AdmissionRequest): RequestAttributes {
  const { context, operation } = request;
  const { target, user } = context;
  const asked = { ...request, shownAs: undefined };
  // Who deletes many at once names none of them.
  const name =
    target.verb === 'deletecollection'
      ? undefined
      : target.name || (request.object ?? request.old)?.metadata?.name;
  const namespace = namespaceAsked(request, name);
  const sub = target.subresource;
  return {
    uid: randomUUID(),
    kind: kindOf(request),
    resource: resourceOf(request),
    ...(sub === '' ? {} : { subResource: sub }),
    requestKind: kindOf(asked),
    requestResource: resourceOf(asked),
    ...(sub === '' ? {} : { requestSubResource: sub }),
    ...(name === undefined ? {} : { name }),
    ...(namespace === '' ? {} : { namespace }),
    operation,
    userInfo: {
      username: user.name,
      ...(user.uid === undefined ? {} : { uid: user.uid }),
      groups: user.groups,
      ...(user.extra === undefined ? {} : { extra: user.extra }),
    },
    dryRun: context.dryRun,
    options: optionsOf(request),
  };
}

/** Those that were asked for; a connection has none. */
function optionsOf({ operation, context, deleteOptions }: AdmissionRequest): object | null {
  if (operation === 'CONNECT') return null;
  const isNamespace = context.target.info.resource === 'namespaces' && context.target.info.group === '';
  return {
    ...(operation === 'DELETE' ? deleteOptions : context.asked),
    // Of a namespace upstream always says that it stays the same one.
    ...(operation === 'DELETE' && isNamespace ? { preconditions: { ...deleteOptions?.preconditions } } : {}),
    kind: optionKinds[operation],
    apiVersion: 'meta.k8s.io/v1',
    ...(context.dryRun ? { dryRun: ['All'] } : {}),
  };
}

/** Connections, whose objects are what they are asked for with. */
const connections: Readonly<Record<string, string>> = {
  attach: 'PodAttachOptions',
  exec: 'PodExecOptions',
  portforward: 'PodPortForwardOptions',
};

function resourceOf(request: AdmissionRequest): GroupVersionResource {
  const { group, version, resource } = shownInfo(request);
  return { group, version, resource };
}

function kindOf(request: AdmissionRequest): GroupVersionKind {
  const { context, operation, as } = request;
  if (as !== undefined) return { group: as.group, version: as.version, kind: as.kind };
  const { subresource } = context.target;
  const info = shownInfo(request);
  const kind = subresource === 'proxy' ? `${info.kind}ProxyOptions` : connections[subresource];
  const own = operation === 'CONNECT' ? kind : undefined;
  return own === undefined
    ? { group: info.group, version: info.version, kind: info.kind }
    : { group: '', version: 'v1', kind: own };
}

/** The object with its type, as whoever is told of it knows it. */
export function withType(object: ApiObject | undefined, request: AdmissionRequest): ApiObject | null {
  if (object === undefined) return null;
  const kind = kindOf(request);
  return { ...object, apiVersion: apiVersionOf(kind), kind: kind.kind };
}
