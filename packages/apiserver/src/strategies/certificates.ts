/**
 * Certificate signing requests: who asks is what the server knows of the client, not what the request says; a request
 * never changes; its approval and its certificate each have a subresource of their own.
 */
import { type FieldError, fieldErrors } from '@timonier/api';
import type { CertificateSigningRequest, CertificateSigningRequestCondition } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { checkRequestSignature } from '@timonier/pki';
import { timestamp } from '../timestamp.ts';
import type { Strategy } from './strategy.ts';

type Conditions = readonly CertificateSigningRequestCondition[];

export const certificateStrategy: Strategy = {
  isOwnedByNobody: true,
  prepareCreate(object, { user }) {
    const { spec } = requestOf(object);
    if (spec === undefined) return;
    spec.username = user.name;
    spec.groups = [...user.groups];
    if (user.uid === undefined) delete spec.uid;
    else spec.uid = user.uid;
    if (user.extra === undefined) delete spec.extra;
    else
      spec.extra = Object.fromEntries(Object.entries(user.extra).map(([key, values]) => [key, [...values]]));
  },
  prepareUpdate(object, old) {
    object['spec'] = old['spec'];
  },
  // Whoever asks for a certificate holds its key. A request never changes.
  validate: (object, old) => (old === undefined ? signature(requestOf(object).spec?.request ?? '') : []),
  subresources: {
    status(object, old, { server }) {
      const request = requestOf(object);
      const { conditions: before = [] } = requestOf(old).status ?? {};
      const conditions = withVerdicts(request.status?.conditions ?? [], before);
      setConditions(request, stamped(conditions, before, server.now()));
    },
    approval(object, old, { server }) {
      const request = requestOf(object);
      const before = requestOf(old);
      const conditions = request.status?.conditions ?? [];
      object['spec'] = old['spec'];
      request.status = { ...before.status };
      setConditions(request, stamped(conditions, before.status?.conditions ?? [], server.now()));
    },
  },
};

function requestOf(object: ApiObject): CertificateSigningRequest {
  return object as unknown as CertificateSigningRequest;
}

function signature(base64: string): FieldError[] {
  const pem = Buffer.from(base64, 'base64').toString('latin1');
  // What is no request is told by the rules of the kind.
  if (!pem.includes('-----BEGIN CERTIFICATE REQUEST-----')) return [];
  try {
    checkRequestSignature(pem);
    return [];
  } catch (error) {
    return [
      fieldErrors.invalid('spec.request', base64, error instanceof Error ? error.message : String(error)),
    ];
  }
}

function setConditions(
  request: CertificateSigningRequest,
  conditions: CertificateSigningRequestCondition[],
): void {
  if (conditions.length > 0) request.status = { ...request.status, conditions };
  else if (request.status !== undefined) delete request.status.conditions;
}

/** As many verdicts as there were are those that were there, whatever was sent of them: a signer need not repeat them word by word. */
function withVerdicts(conditions: Conditions, before: Conditions): Conditions {
  const verdicts = ['Approved', 'Denied'].map((verdict) => {
    const [sent, kept] = [conditions, before].map((list) => list.filter(({ type }) => type === verdict));
    return { verdict, kept: sent?.length === kept?.length ? [...(kept ?? [])] : [] };
  });
  return conditions.map(
    (condition) => verdicts.find(({ verdict }) => verdict === condition.type)?.kept.shift() ?? condition,
  );
}

/** New conditions get the time they came; what was there keeps its own. */
function stamped(
  conditions: Conditions,
  before: Conditions,
  now: number,
): CertificateSigningRequestCondition[] {
  const time = timestamp(now);
  // Of two of one type the first counts.
  const byType = new Map(before.toReversed().map((condition) => [condition.type, condition]));
  return conditions.map((condition) => {
    const same = byType.get(condition.type);
    const since = same?.status === condition.status ? same?.lastTransitionTime : undefined;
    return {
      ...condition,
      lastUpdateTime: condition.lastUpdateTime ?? time,
      lastTransitionTime: condition.lastTransitionTime ?? since ?? time,
    };
  });
}
