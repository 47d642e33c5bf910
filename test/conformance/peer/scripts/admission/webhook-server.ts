/**
 * An admission webhook that both servers call. The path that it is called at says what it answers, so that it has no state.
 * The path `told` refuses with all that it was told: then an answer shows what a server tells its webhooks.
 */
import { startWebhookHost, type WebhookHost } from '../webhook-host.ts';

type Json = Record<string, unknown>;

interface Review {
  readonly apiVersion: string;
  readonly kind: string;
  readonly request: Json & { readonly uid: string; readonly object?: Json };
}

interface Answered {
  readonly status?: number;
  readonly text: string;
}

const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64');

/** What differs between any two servers is left out, and fields are put in alphabetical order. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !['uid', 'resourceVersion', 'creationTimestamp', 'managedFields'].includes(name))
      .filter(([name]) => name !== 'authentication.kubernetes.io/credential-id')
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, inner]) => [name, plain(inner)]),
  );
}

const respond = (review: Review, response: Json): Answered => ({
  text: JSON.stringify({
    apiVersion: review.apiVersion,
    kind: review.kind,
    response: { uid: review.request.uid, ...response },
  }),
});

const patched = (review: Review, patch: unknown, more: Json = {}): Answered =>
  respond(review, { allowed: true, patchType: 'JSONPatch', patch: base64(patch), ...more });

const add = (path: string, value: unknown): Json => ({ op: 'add', path, value });

export const answers: Readonly<Record<string, (review: Review) => Answered>> = {
  allow: (review) => respond(review, { allowed: true }),
  told: (review) =>
    respond(review, {
      allowed: false,
      status: { message: JSON.stringify(plain(review)).replaceAll('"', "'") },
    }),
  deny: (review) => respond(review, { allowed: false }),
  'deny-message': (review) => respond(review, { allowed: false, status: { message: 'because\nof this' } }),
  'deny-reason': (review) => respond(review, { allowed: false, status: { reason: 'Conflict' } }),
  'deny-code': (review) =>
    respond(review, { allowed: false, status: { code: 409, message: 'no', reason: 'What' } }),
  'deny-low-code': (review) => respond(review, { allowed: false, status: { code: 200, status: 'Success' } }),
  'deny-details': (review) =>
    respond(review, {
      allowed: false,
      status: {
        code: 422,
        message: 'no',
        metadata: { continue: 'x' },
        details: {
          name: 'n',
          kind: 'k',
          causes: [{ field: 'spec', reason: 'FieldValueInvalid', message: 'm' }],
          retryAfterSeconds: 3,
        },
      },
    }),
  warn: (review) => respond(review, { allowed: true, warnings: ['one', '', 'two\nlines', 'x'.repeat(300)] }),
  'warn-and-deny': (review) => respond(review, { allowed: false, warnings: ['one "quoted"', 'ünï'] }),
  annotate: (review) => respond(review, { allowed: true, auditAnnotations: { a: 'b', '': 'x' } }),
  patch: (review) => patched(review, [add('/metadata/labels', { by: 'webhook' })]),
  'patch-twice': (review) =>
    patched(review, [
      add('/metadata/annotations', {
        seen: String(
          Object.keys((review.request.object?.['metadata'] as Json)?.['annotations'] ?? {}).length,
        ),
      }),
    ]),
  'patch-unknown': (review) => patched(review, [add('/what', 1)]),
  'patch-wrong-type': (review) => patched(review, [add('/data', 1)]),
  'patch-invalid': (review) => patched(review, [add('/metadata/labels', { 'no key!': 'x' })]),
  'patch-name': (review) => patched(review, [add('/metadata/name', 'other')]),
  'patch-kind': (review) => patched(review, [add('/kind', 'Secret')]),
  'patch-of-nothing': (review) => patched(review, [{ op: 'remove', path: '/metadata/none' }]),
  'patch-failing-test': (review) => patched(review, [{ op: 'test', path: '/metadata/name', value: 'none' }]),
  'patch-empty': (review) => patched(review, []),
  'patch-no-list': (review) => patched(review, { a: 1 }),
  'patch-no-operation': (review) => patched(review, [{ op: 'what', path: '/a' }]),
  'patch-without-type': (review) =>
    respond(review, { allowed: true, patch: base64([add('/metadata/labels', { a: 'b' })]) }),
  'patch-other-type': (review) =>
    respond(review, { allowed: true, patch: base64([]), patchType: 'MergePatch' }),
  'patch-type-alone': (review) => respond(review, { allowed: true, patchType: 'JSONPatch' }),
  'patch-no-base64': (review) => respond(review, { allowed: true, patchType: 'JSONPatch', patch: '!' }),
  'patch-and-deny': (review) => ({
    ...patched(review, [add('/metadata/labels', { a: 'b' })], { allowed: false }),
  }),
  'no-uid': (review) => respond(review, { uid: undefined, allowed: true }),
  'other-uid': (review) => respond(review, { uid: 'other', allowed: true }),
  'no-response': ({ apiVersion, kind }) => ({ text: JSON.stringify({ apiVersion, kind }) }),
  'no-kind': ({ request: { uid } }) => ({ text: JSON.stringify({ response: { uid, allowed: true } }) }),
  'other-kind': ({ apiVersion, request: { uid } }) => ({
    text: JSON.stringify({ apiVersion, kind: 'Status', response: { uid, allowed: true } }),
  }),
  'other-version': ({ kind, request: { uid } }) => ({
    text: JSON.stringify({ apiVersion: 'admission.k8s.io/v1beta1', kind, response: { uid, allowed: true } }),
  }),
  empty: () => ({ text: '' }),
  'no-json': () => ({ text: 'nonsense' }),
  'a-list': () => ({ text: '[]' }),
  'bad-allowed': (review) => respond(review, { allowed: 'yes' }),
  'status-404': () => ({ status: 404, text: 'nothing here' }),
  'status-500': () => ({ status: 500, text: 'broken' }),
  'status-503': () => ({ status: 503, text: '' }),
  'status-201': (review) => ({ status: 201, ...respond(review, { allowed: true }) }),
  'a-redirect': () => ({ status: 302, text: 'elsewhere' }),
  'a-status': () => ({
    status: 403,
    text: JSON.stringify({
      apiVersion: 'v1',
      kind: 'Status',
      status: 'Failure',
      code: 403,
      reason: 'Forbidden',
      message: 'a status',
    }),
  }),
};

export function startAdmissionWebhook(): Promise<WebhookHost> {
  return startWebhookHost('allow', (name, body) => {
    if (name === 'silent') return undefined;
    // Who follows to another place asks there without a question.
    const { status = 200, text }: Answered = (body === ''
      ? undefined
      : answers[name]?.(JSON.parse(body) as Review)) ?? { status: 404, text: 'none' };
    const headers = {
      'content-type': 'application/json',
      ...(status === 302 ? { location: '/allow' } : {}),
    };
    return { status, headers, text };
  });
}
