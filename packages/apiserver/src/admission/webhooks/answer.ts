/**
 * What a webhook answered, checked as upstream does: an answer that is none of its kind is a failure of the call, which the
 * failure policy is about, and says what it lacks. Pure.
 */
import type { Status } from '@timonier/api';
import { badRequest, StatusError } from '@timonier/api/statuses';
import { isObject } from '../../extensions/json-schema.ts';

export const reviewType = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' };

export interface WebhookAnswer {
  readonly isAllowed: boolean;
  readonly status: Status | undefined;
  /** What its patch is, read as JSON; undefined when it has none. */
  readonly patch: readonly unknown[] | undefined;
  readonly patchType: string;
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

/** Throws a `BadAnswer`. */
export function readAnswer(answer: unknown, uid: string, isMutating: boolean): WebhookAnswer {
  const review = readReview(answer);
  const { response } = review;
  if (response === undefined || response === null) throw invalid('webhook response was absent');
  if (!isObject(response))
    throw unread(wrongType(response, 'AdmissionReview.response', 'v1.AdmissionResponse'));
  const { allowed = false, patch = '', patchType = null, uid: given = '' } = response;
  if (typeof allowed !== 'boolean')
    throw unread(wrongType(allowed, 'AdmissionResponse.response.allowed', 'bool'));
  if (typeof patch !== 'string' || !base64Pattern.test(patch))
    throw unread(`illegal base64 data at input byte ${badByte(String(patch))}`);
  if (given !== uid)
    throw invalid(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(given)}`);
  const { apiVersion = '', kind = '' } = review;
  if (apiVersion !== reviewType.apiVersion || kind !== reviewType.kind)
    throw invalid(
      `expected webhook response of ${shownKind(reviewType)}, got ${shownKind({ apiVersion, kind })}`,
    );
  if (isMutating) {
    if (patch !== '' && patchType === null)
      throw invalid('webhook returned response.patch but not response.patchType');
    if (patch === '' && patchType !== null)
      throw invalid('webhook returned response.patchType but not response.patch');
  } else if (patch !== '') throw invalid('validating webhook may not return response.patch');
  else if (patchType !== null) throw invalid('validating webhook may not return response.patchType');
  const { warnings, auditAnnotations, status } = response;
  return {
    isAllowed: allowed,
    status: isObject(status) ? status : undefined,
    patch: patch === '' ? undefined : readPatch(patch),
    patchType: typeof patchType === 'string' ? patchType : '',
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

interface Review {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly response?: unknown;
}

/** What says nothing of its kind is taken for a review, and refused as one. */
function readReview(answer: unknown): Review {
  if (!isObject(answer))
    throw unread(
      `couldn't get version/kind; json parse error: json: cannot unmarshal ${wordOf(answer)} into Go value of type ${typeOfMeta}`,
    );
  const { apiVersion = '', kind = '' } = answer;
  const isReview = (apiVersion === '' && kind === '') || isTyped(answer);
  if (!isReview) {
    const [from, to] = [String(apiVersion), reviewType.apiVersion].map((text) => text.split('/').at(-1));
    throw unread(`converting (${from}.${String(kind)}) to (${to}.${reviewType.kind}): unknown conversion`);
  }
  return answer;
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
  if (Array.isArray(value)) return value;
  throw new BadAnswer(
    `received undecodable patch in webhook response: json: cannot unmarshal ${wordOf(value)} into Go value of type jsonpatch.Patch`,
  );
}

function shownKind({ apiVersion, kind }: { readonly apiVersion: string; readonly kind: string }): string {
  return `${apiVersion.includes('/') ? apiVersion : `/${apiVersion}`}, Kind=${kind}`;
}

function wrongType(value: unknown, field: string, type: string): string {
  return `json: cannot unmarshal ${wordOf(value)} into Go struct field ${field} of type ${type}`;
}

function wordOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
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
  const chosen = code < 400 ? 400 : code;
  return new StatusError({
    ...badRequest(said === '' ? `${deniedBy} without explanation` : `${deniedBy}: ${said}`),
    ...more,
    metadata: given?.metadata ?? {},
    status: status === '' || status === 'Success' ? 'Failure' : status,
    reason: reason === '' ? undefined : reason,
    code: chosen,
  } as Status);
}
