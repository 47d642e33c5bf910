/**
 * One call of an admission webhook (AdmissionReview, admission.k8s.io/v1): asks, checks the answer, and carries out the
 * failure policy. In: a request. Out: what the webhook said; a refusal is thrown in upstream's words.
 */
import type { MutatingWebhook, ResourceInfo, ValidatingWebhook } from '@timonier/api';
import { internalError, StatusError, timeout } from '@timonier/api/statuses';
import { WebhookError } from '../../aggregation/https-call.ts';
import { attributesOf, withType } from '../attributes.ts';
import { outsideRefusal } from '../../pipeline/outside-refusals.ts';
import type { WebhookOutcome } from '../../metrics/admission-metrics.ts';
import { type AdmissionRequest, refusal } from '../request.ts';
import { denial, readAnswer, reviewType, type WebhookAnswer } from './answer.ts';
import { shownAs } from '../versions.ts';
import { conditionsHold, type ConfiguredWebhook, wantedAs } from './configured.ts';

type Webhook = MutatingWebhook | ValidatingWebhook;

const defaultTimeoutSeconds = 10;

/** Where the audit log notes that a failure was ignored: `round_0_index_0`. */
export interface FailedOpen {
  readonly kind: 'mutation' | 'validating';
  readonly place: string;
}

export interface Called {
  readonly answer: WebhookAnswer;
  /** The request as the webhook saw it. */
  readonly view: AdmissionRequest;
}

/** What a webhook said that let the request pass; undefined when it was not asked or its failure is ignored. */
export async function callWebhook(
  configured: ConfiguredWebhook<Webhook>,
  sent: AdmissionRequest,
  note: FailedOpen,
): Promise<Called | undefined> {
  const { hook, client } = configured;
  const { warn, annotate, dryRun, server } = sent.context;
  const wanted = wantedAs(configured, sent);
  if (wanted === undefined) return undefined;
  const request = await viewFor(sent, wanted);
  let response: WebhookAnswer;
  try {
    if (!(await conditionsHold(configured, request))) return undefined;
  } catch (error) {
    if (hook.failurePolicy === 'Ignore') return undefined;
    throw refusal(request, messageOf(error));
  }
  if (dryRun && hook.sideEffects !== 'None' && hook.sideEffects !== 'NoneOnDryRun')
    throw refusal(request, `admission webhook "${hook.name}" does not support dry run`);
  if (leftOf(request) <= 0) throw tooLate();
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
    const ownMs = (hook.timeoutSeconds ?? defaultTimeoutSeconds) * 1_000;
    const answer = await client.post(review, Math.min(ownMs, leftOf(request)));
    response = readAnswer(answer, {
      uid: attributes.uid,
      isMutating: note.kind === 'mutation',
      hasObject: request.object !== undefined,
    });
  } catch (error) {
    // Whoever asked has been told so by then, whatever the webhook would have said.
    if (leftOf(request) <= 0) {
      called({ rejected: true, code: 500, rejection: { errorType: 'calling_webhook_error', code: 0 } });
      throw tooLate();
    }
    const why = error instanceof WebhookError ? `failed to call webhook: ${error.message}` : messageOf(error);
    const failure = `failed calling webhook "${hook.name}": ${why}`;
    server.log.warn({ webhook: hook.name, policy: hook.failurePolicy }, failure);
    if (hook.failurePolicy !== 'Ignore') {
      const rejection = { errorType: 'calling_webhook_error', code: 0 } as const;
      called({ rejected: true, code: 500, rejection });
      throw outsideRefusal(new StatusError(internalError(failure)));
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
    throw outsideRefusal(refused);
  }
  called({ rejected: false, code: 200 });
  return { answer: response, view: request };
}

/** Throws 500 for what cannot be converted: nobody can say what the webhook would have said. */
async function viewFor(request: AdmissionRequest, info: ResourceInfo): Promise<AdmissionRequest> {
  try {
    return await shownAs(request, info);
  } catch (error) {
    throw new StatusError(internalError(messageOf(error)));
  }
}

/** Milliseconds that the client still waits: all webhooks of a request have them together. */
function leftOf({ context }: AdmissionRequest): number {
  return (context.deadline ?? Infinity) - performance.now();
}

function tooLate(): StatusError {
  return outsideRefusal(new StatusError(timeout('request did not complete within the allotted timeout')));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
