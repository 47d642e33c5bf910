/**
 * ImagePolicyWebhook: a service outside says whether a pod's images may run. It is sent the images, the namespace, and those
 * annotations of the pod that are meant for it; what it says holds for a while, for pods that ask the same. Where it cannot be
 * asked, the configuration says what becomes of pods, and the audit log says that nobody was asked.
 *
 * Source: "ImagePolicyWebhook" of the Kubernetes documentation.
 */
import type { Pod } from '@timonier/api';
import { AnswerCache } from '../../callouts/answer-cache.ts';
import type { KubeconfigClient } from '../../callouts/kubeconfig-client.ts';
import { outsideRefusal } from '../../pipeline/outside-refusals.ts';
import { type AdmissionPlugin, type AdmissionRequest, refusal } from '../request.ts';

export interface ImagePolicySettings {
  readonly client: Pick<KubeconfigClient, 'post'>;
  /** How long an answer holds, in milliseconds; 0: for nobody else. */
  readonly allowMs: number;
  readonly denyMs: number;
  /** Milliseconds between two tries. */
  readonly retryMs: number;
  /** What becomes of pods when the service does not answer. */
  readonly defaultAllow: boolean;
}

interface Verdict {
  readonly allowed: boolean;
  readonly reason: string;
  readonly auditAnnotations: Readonly<Record<string, string>>;
}

const apiVersion = 'imagepolicy.k8s.io/v1alpha1';
const kind = 'ImageReview';
/** Annotations of pods are sent when they have this in their name, and audit annotations are prefixed with it. */
const infix = '.image-policy.k8s.io/';
const auditPrefix = `imagepolicywebhook${infix}`;
const longestWaitMs = 30_000;
/** Answers that are remembered, as upstream. */
const maxRemembered = 1_024;
/** A question with more text than this is asked every time, so that nobody fills the memory. */
const maxKeyLength = 10_000;

export const imagePolicyWebhook = (settings: ImagePolicySettings | undefined): AdmissionPlugin => {
  const ask = settings === undefined ? undefined : asker(settings);
  return {
    name: 'ImagePolicyWebhook',
    isOffByDefault: true,
    operations: ['CREATE', 'UPDATE'],
    resources: ['/pods', '/pods/ephemeralcontainers'],
    async validate(request) {
      if (ask === undefined) throw new Error('ImagePolicyWebhook was not told whom to ask');
      const { annotate } = request.context;
      const verdict = await ask(request);
      for (const [key, value] of Object.entries(verdict.auditAnnotations))
        annotate?.(auditPrefix + key, value);
      if (!verdict.allowed) throw outsideRefusal(refusal(request, verdict.reason));
    },
  };
};

function asker({
  client,
  allowMs,
  denyMs,
  retryMs,
  defaultAllow,
}: ImagePolicySettings): (request: AdmissionRequest) => Promise<Verdict> {
  let answers: AnswerCache<Verdict> | undefined;
  return async (request) => {
    const { context } = request;
    answers ??= new AnswerCache(() => context.server.now(), maxRemembered);
    const spec = specOf(request);
    const key = JSON.stringify(spec);
    const known = answers.get(key);
    if (known !== undefined) return known;
    const timeoutMs = Math.min(longestWaitMs, (context.deadline ?? Infinity) - performance.now());
    const review = { kind, apiVersion, metadata: {}, spec, status: { allowed: false } };
    let verdict: Verdict;
    try {
      const answer = await client.post(JSON.stringify(review), {
        timeoutMs: Math.max(1, timeoutMs),
        retryMs,
      });
      verdict = verdictOf(answer);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (!defaultAllow) return { allowed: false, reason, auditAnnotations: {} };
      return { allowed: true, reason: '', auditAnnotations: { 'failed-open': 'true' } };
    }
    if (key.length <= maxKeyLength) answers.set(key, verdict, verdict.allowed ? allowMs : denyMs);
    return verdict;
  };
}

function specOf({ object, context }: AdmissionRequest): object {
  const { metadata, spec } = object as Pod;
  const { namespace, subresource } = context.target;
  const containers =
    subresource === ''
      ? [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])]
      : (spec?.ephemeralContainers ?? []);
  const annotations = Object.entries(metadata?.annotations ?? {}).filter(([name]) => name.includes(infix));
  return {
    ...(containers.length === 0 ? {} : { containers: containers.map(({ image }) => ({ image })) }),
    ...(annotations.length === 0 ? {} : { annotations: Object.fromEntries(annotations.sort(byName)) }),
    namespace,
  };
}

function byName([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : 1;
}

/** Throws for what is no answer. */
function verdictOf(answer: unknown): Verdict {
  const review = fieldsOf(answer);
  if (review['kind'] !== kind || review['apiVersion'] !== apiVersion)
    throw new Error(`the image policy webhook answered with no ${kind} of ${apiVersion}`);
  const { allowed = false, reason = '', auditAnnotations } = fieldsOf(review['status']);
  if (typeof allowed !== 'boolean' || typeof reason !== 'string')
    throw new Error('the image policy webhook answered with a status that cannot be read');
  return {
    allowed,
    reason:
      reason === ''
        ? 'one or more images rejected by webhook backend'
        : `image policy webhook backend denied one or more images: ${reason}`,
    auditAnnotations: Object.fromEntries(
      Object.entries(fieldsOf(auditAnnotations)).filter(
        (entry): entry is [string, string] => typeof entry[1] === 'string',
      ),
    ),
  };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
