/**
 * One call of an admission webhook (AdmissionReview, admission.k8s.io/v1): asks, checks the answer, and carries out the
 * failure policy. In: a request. Out: what the webhook said; a refusal is thrown in upstream's words.
 */
import type { MutatingWebhook, Status, ValidatingWebhook } from '@timonier/api';
import { internalError, StatusError } from '@timonier/api/statuses';
import { WebhookError } from '../../aggregation/https-call.ts';
import { isObject } from '../../extensions/json-schema.ts';
import { attributesOf, withType } from '../attributes.ts';
import type { WebhookOutcome } from '../../metrics/admission-metrics.ts';
import { type AdmissionRequest, refusal } from '../request.ts';
import { type ConfiguredWebhook, isAbout } from './configured.ts';

type Webhook = MutatingWebhook | ValidatingWebhook;

const reviewType = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' };
const defaultTimeoutSeconds = 10;

/** Where the audit log notes that a failure was ignored: `round_0_index_0`. */
export interface FailedOpen {
  readonly kind: 'mutation' | 'validating';
  readonly place: string;
}

/** The answer of a webhook that let the request pass; undefined when it was not asked or its failure is ignored. */
export async function callWebhook(
  configured: ConfiguredWebhook<Webhook>,
  request: AdmissionRequest,
  note: FailedOpen,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const { hook, client } = configured;
  const { warn, annotate, dryRun, server } = request.context;
  let response: Readonly<Record<string, unknown>>;
  try {
    if (!(await isAbout(configured, request))) return undefined;
  } catch (error) {
    if (hook.failurePolicy === 'Ignore') return undefined;
    throw refusal(request, messageOf(error));
  }
  if (dryRun && hook.sideEffects !== 'None' && hook.sideEffects !== 'NoneOnDryRun')
    throw refusal(request, `admission webhook "${hook.name}" does not support dry run`);
  const attributes = attributesOf(request);
  const type = note.kind === 'mutation' ? 'admit' : 'validate';
  const since = performance.now();
  const called = (outcome: WebhookOutcome): void =>
    server.metrics.admission.called(hook.name, type, request.operation, since, outcome);
  try {
    const review = {
      ...reviewType,
      request: {
        ...attributes,
        object: withType(request.object, request),
        oldObject: withType(request.old, request),
      },
    };
    const answer = await client.post(review, (hook.timeoutSeconds ?? defaultTimeoutSeconds) * 1_000);
    response = readResponse(answer, attributes.uid);
  } catch (error) {
    const why = error instanceof WebhookError ? `failed to call webhook: ${error.message}` : messageOf(error);
    const failure = `failed calling webhook "${hook.name}": ${why}`;
    server.log.warn({ webhook: hook.name, policy: hook.failurePolicy }, failure);
    if (hook.failurePolicy !== 'Ignore') {
      const rejection = { errorType: 'calling_webhook_error', code: 0 } as const;
      called({ rejected: true, code: 500, rejection });
      throw new StatusError(internalError(failure));
    }
    called({ rejected: false, code: 500, failedOpen: true });
    annotate?.(`failed-open.${note.kind}.webhook.admission.k8s.io/${note.place}`, hook.name);
    return undefined;
  }
  for (const text of Array.isArray(response['warnings']) ? response['warnings'] : [])
    if (typeof text === 'string') warn?.(text);
  const own = response['auditAnnotations'];
  if (annotate !== undefined && isObject(own))
    for (const [key, value] of Object.entries(own))
      if (typeof value === 'string') annotate(`${hook.name}/${key}`, value);
  if (response['allowed'] !== true) {
    const refused = denial(hook.name, response['status']);
    const code = refused.status.code ?? 403;
    called({ rejected: true, code: 200, rejection: { errorType: 'no_error', code } });
    throw refused;
  }
  called({ rejected: false, code: 200 });
  return response;
}

function readResponse(answer: unknown, uid: string): Readonly<Record<string, unknown>> {
  if (
    !isObject(answer) ||
    answer['kind'] !== reviewType.kind ||
    answer['apiVersion'] !== reviewType.apiVersion
  )
    throw new Error(`expected webhook response of ${reviewType.apiVersion}, Kind=${reviewType.kind}`);
  const response = answer['response'];
  if (!isObject(response)) throw new Error('webhook response was absent');
  if (response['uid'] !== uid)
    throw new Error(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response['uid'])}`);
  return response;
}

/** The webhook's own status, with a text that says who refused; 403 unless it chose another code. */
function denial(name: string, given: unknown): StatusError {
  const status: Status = isObject(given) ? given : {};
  const said = status.message ?? status.reason ?? '';
  const message =
    said === ''
      ? `admission webhook "${name}" denied the request without explanation`
      : `admission webhook "${name}" denied the request: ${said}`;
  const code = status.code !== undefined && status.code >= 400 && status.code < 600 ? status.code : 403;
  return new StatusError({
    ...status,
    apiVersion: 'v1',
    kind: 'Status',
    metadata: {},
    status: 'Failure',
    message,
    reason: status.reason ?? (code === 403 ? 'Forbidden' : undefined),
    code,
  } as Status);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
