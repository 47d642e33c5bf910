/**
 * What a webhook answered, checked as upstream does: an answer that is none of its kind is a failure of the call, which the
 * failure policy is about, and says what it lacks. Pure.
 */
import { messageSchema, type Status } from '@timonier/api';
import { decodeAs, NotDecodable } from '@timonier/api/decode';
import { jsonKind } from '@timonier/api/decode/go-names';
import { badRequest, StatusError } from '@timonier/api/statuses';
import { isObject } from '../../extensions/json-schema.ts';

export const reviewType = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' };

export interface WebhookAnswer {
  readonly isAllowed: boolean;
  readonly status: Status | undefined;
  /** The steps of its JSON patch; none when it refuses. */
  readonly patch: readonly unknown[];
  readonly warnings: readonly string[];
  readonly annotations: Readonly<Record<string, string>>;
}

/** The call of a webhook failed; `why` stands behind `failed calling webhook "NAME": `. */
export class BadAnswer extends Error {
  override readonly name = 'BadAnswer';
}

const unread = (why: string): BadAnswer => new BadAnswer(`failed to call webhook: ${why}`);
const invalid = (why: string): BadAnswer => new BadAnswer(`received invalid webhook response: ${why}`);
const typeOfMeta =
  'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';
const base64Pattern = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

const statusSchema = messageSchema('io.k8s.apimachinery.pkg.apis.meta.v1.Status');
/** Codes of HTTP have three digits. */
const largestCode = 999;
const jsonPatch = 'JSONPatch';

/** What was asked: who may not change the object, or where there is none, is not told how to. */
export interface Asked {
  readonly uid: string;
  readonly isMutating: boolean;
  readonly hasObject: boolean;
}

/** Throws a `BadAnswer`. */
export function readAnswer(answer: unknown, { uid, isMutating, hasObject }: Asked): WebhookAnswer {
  const review = readReview(answer);
  const { response } = review;
  if (response === undefined) throw invalid('webhook response was absent');
  if (!isObject(response))
    throw unread(wrongType(response, 'AdmissionReview.response', 'v1.AdmissionResponse'));
  const {
    allowed = false,
    patch: sent = '',
    patchType,
    uid: given = '',
    status,
    ...more
  } = withoutNulls(response);
  if (typeof allowed !== 'boolean')
    throw unread(wrongType(allowed, 'AdmissionResponse.response.allowed', 'bool'));
  // Lines may be broken anywhere.
  const patch = typeof sent === 'string' ? sent.replaceAll(/[\r\n]/g, '') : undefined;
  if (patch === undefined || !base64Pattern.test(patch))
    throw unread(`illegal base64 data at input byte ${badByte(String(sent))}`);
  if (patchType !== undefined && typeof patchType !== 'string')
    throw unread(wrongType(patchType, 'AdmissionResponse.response.patchType', 'v1.PatchType'));
  const told = status === undefined ? undefined : readStatus(status);
  if (given !== uid)
    throw invalid(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(given)}`);
  const { apiVersion = '', kind = '' } = review;
  if (apiVersion !== reviewType.apiVersion || kind !== reviewType.kind)
    throw invalid(
      `expected webhook response of ${shownKind(reviewType)}, got ${shownKind({ apiVersion, kind })}`,
    );
  checkPatchType(isMutating, patch, patchType);
  const steps = allowed && patch !== '' ? readPatch(patch) : [];
  if (steps.length > 0 && hasObject && patchType !== jsonPatch)
    throw new BadAnswer(`unsupported patch type ${JSON.stringify(patchType)}`);
  const { warnings, auditAnnotations } = more;
  return {
    isAllowed: allowed,
    status: told,
    patch: steps,
    warnings: Array.isArray(warnings) ? warnings.filter((text) => typeof text === 'string') : [],
    annotations: isObject(auditAnnotations)
      ? Object.fromEntries(
          Object.entries(auditAnnotations).filter(
            (pair): pair is [string, string] => typeof pair[1] === 'string',
          ),
        )
      : {},
  };
}

function checkPatchType(isMutating: boolean, patch: string, type: string | undefined): void {
  if (!isMutating) {
    if (patch !== '') throw invalid('validating webhook may not return response.patch');
    if (type !== undefined) throw invalid('validating webhook may not return response.patchType');
    return;
  }
  if (patch !== '' && type === undefined)
    throw invalid('webhook returned response.patch but not response.patchType');
  if (patch === '' && type !== undefined)
    throw invalid('webhook returned response.patchType but not response.patch');
  if (type === '') throw invalid('webhook returned invalid response.patchType of ""');
}

/** Throws a `BadAnswer` for what has a field of a wrong type. */
function readStatus(value: unknown): Status {
  // It is one by where it stands, whatever it calls itself.
  const type = { apiVersion: 'v1', kind: 'Status' };
  try {
    return decodeAs(statusSchema, type, isObject(value) ? { ...value, ...type } : value).object;
  } catch (error) {
    if (error instanceof NotDecodable) throw unread(error.why);
    throw error;
  }
}

/** As in Go, null is no value. */
function withoutNulls(object: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null));
}

interface Review {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly response?: unknown;
}

/** What says nothing of its kind is taken for a review, and refused as one. */
function readReview(answer: unknown): Review {
  if (!isObject(answer))
    throw unread(
      `couldn't get version/kind; json parse error: json: cannot unmarshal ${jsonKind(answer)} into Go value of type ${typeOfMeta}`,
    );
  const given = withoutNulls(answer);
  const { apiVersion = '', kind = '' } = given;
  const isReview = (apiVersion === '' && kind === '') || isTyped(given);
  if (!isReview) {
    const [from, to] = [String(apiVersion), reviewType.apiVersion].map((text) => text.split('/').at(-1));
    throw unread(`converting (${from}.${String(kind)}) to (${to}.${reviewType.kind}): unknown conversion`);
  }
  return given;
}

function isTyped({ apiVersion, kind }: Readonly<Record<string, unknown>>): boolean {
  return apiVersion === reviewType.apiVersion && kind === reviewType.kind;
}

/** Throws a `BadAnswer` for what is no list. */
function readPatch(patch: string): readonly unknown[] {
  const text = Buffer.from(patch, 'base64').toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new BadAnswer(`received undecodable patch in webhook response: ${(error as Error).message}`, {
      cause: error,
    });
  }
  if (value === null) return [];
  if (Array.isArray(value)) {
    const odd = value.find((step) => step !== null && !isObject(step));
    if (odd === undefined) return value;
    throw new BadAnswer(
      `received undecodable patch in webhook response: json: cannot unmarshal ${jsonKind(odd)} into Go value of type jsonpatch.Operation`,
    );
  }
  throw new BadAnswer(
    `received undecodable patch in webhook response: json: cannot unmarshal ${jsonKind(value)} into Go value of type jsonpatch.Patch`,
  );
}

function shownKind({ apiVersion, kind }: { readonly apiVersion: string; readonly kind: string }): string {
  return `${apiVersion.includes('/') ? apiVersion : `/${apiVersion}`}, Kind=${kind}`;
}

function wrongType(value: unknown, field: string, type: string): string {
  return `json: cannot unmarshal ${jsonKind(value)} into Go struct field ${field} of type ${type}`;
}

function badByte(text: string): number {
  const at = text.search(/[^A-Za-z0-9+/]/);
  return at < 0 ? text.length : at;
}

/** The webhook's own status, with a text that says who refused; 400 unless it chose a code of its own. */
export function denial(name: string, given: Status | undefined): StatusError {
  const { message = '', reason = '', code = 0, status = '', ...more } = given ?? {};
  const said = message === '' ? reason : message;
  const deniedBy = `admission webhook "${name}" denied the request`;
  const chosen = code < 400 || code > largestCode ? 400 : code;
  return new StatusError({
    ...badRequest(said === '' ? `${deniedBy} without explanation` : `${deniedBy}: ${said}`),
    ...more,
    metadata: given?.metadata ?? {},
    status: status === '' || status === 'Success' ? 'Failure' : status,
    reason: reason === '' ? undefined : reason,
    code: chosen,
  } as Status);
}
