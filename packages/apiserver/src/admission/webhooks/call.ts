/**
 * One call of an admission webhook (AdmissionReview, admission.k8s.io/v1): asks, checks the answer, and carries out the
 * failure policy. In: a request. Out: what the webhook said; a refusal is thrown in upstream's words.
 */
import type { MutatingWebhook, ValidatingWebhook } from '@timonier/api';
import { internalError, StatusError } from '@timonier/api/statuses';
import { WebhookError } from '../../aggregation/https-call.ts';
import { attributesOf, withType } from '../attributes.ts';
import type { WebhookOutcome } from '../../metrics/admission-metrics.ts';
import { type AdmissionRequest, refusal } from '../request.ts';
import { denial, readAnswer, reviewType, type WebhookAnswer } from './answer.ts';
import { type ConfiguredWebhook, isAbout } from './configured.ts';

type Webhook = MutatingWebhook | ValidatingWebhook;

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
): Promise<WebhookAnswer | undefined> {
  const { hook, client } = configured;
  const { warn, annotate, dryRun, server } = request.context;
  let response: WebhookAnswer;
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
    response = readAnswer(answer, {
      uid: attributes.uid,
      isMutating: note.kind === 'mutation',
      hasObject: request.object !== undefined,
    });
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
  for (const text of response.warnings) warn?.(text);
  for (const [key, value] of Object.entries(response.annotations)) annotate?.(`${hook.name}/${key}`, value);
  if (!response.isAllowed) {
    const refused = denial(hook.name, response.status);
    const code = refused.status.code ?? 400;
    called({ rejected: true, code: 200, rejection: { errorType: 'no_error', code } });
    throw refused;
  }
  called({ rejected: false, code: 200 });
  return response;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
