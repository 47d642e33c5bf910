/** What a converting webhook may answer: one right answer, and every way in which one can be wrong. Pure. */

export interface Review {
  readonly apiVersion: string;
  readonly kind: string;
  readonly request: {
    readonly uid: string;
    readonly desiredAPIVersion: string;
    readonly objects: readonly Host[];
  };
}

/** Of either version. */
interface Host {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly spec?: { readonly host?: string; readonly port?: number; readonly address?: string | number };
}

export interface Answered {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

function converted(host: Host, apiVersion: string): Host {
  if (host.spec === undefined) return { ...host, apiVersion };
  const { host: name = '', port = 0, address = '' } = host.spec;
  // A server may ask about what was converted wrongly before.
  const [first = '', second = ''] = String(address).split(':');
  const spec = apiVersion.endsWith('/v2')
    ? { address: `${name}:${port}` }
    : { host: first, port: Number(second) };
  return { ...host, apiVersion, spec };
}

function json(value: unknown, status = 200): Answered {
  return { status, type: 'application/json', text: JSON.stringify(value) };
}

const success = { status: 'Success' };

/** The whole review, with `response` made out of the right one. */
function response(change: (right: Readonly<Record<string, unknown>>) => unknown) {
  return ({ apiVersion, kind, request }: Review): Answered => {
    const convertedObjects = request.objects.map((one) => converted(one, request.desiredAPIVersion));
    return json({
      apiVersion,
      kind,
      response: change({ uid: request.uid, result: success, convertedObjects }),
    });
  };
}

/** A right response whose objects were changed once more. */
function objects(change: (right: Host, review: Review) => unknown) {
  return (review: Review): Answered =>
    response((right) => ({
      ...right,
      convertedObjects: (right['convertedObjects'] as readonly Host[]).map((one) => change(one, review)),
    }))(review);
}

function metadata(change: Readonly<Record<string, unknown>>) {
  return objects((host) => ({ ...host, metadata: { ...host.metadata, ...change } }));
}

function without(host: Host, field: string): unknown {
  return Object.fromEntries(Object.entries(host).filter(([name]) => name !== field));
}

/** By the name of the path that the webhook is called at. */
export const answers: Readonly<Record<string, (review: Review) => Answered>> = {
  right: response((right) => right),

  'status-400': () => ({ status: 400, type: 'text/plain', text: 'what is this?' }),
  'status-403': () => ({ status: 403, type: 'text/plain', text: 'not you' }),
  'status-500': () => ({ status: 500, type: 'text/plain', text: 'something "broke"' }),
  'status-503': () => ({ status: 503, type: 'text/plain', text: 'later' }),
  'status-object': () =>
    json(
      { apiVersion: 'v1', kind: 'Status', status: 'Failure', message: 'told as a Status', code: 418 },
      418,
    ),
  'status-201': (review) => ({ ...response((right) => right)(review), status: 201 }),
  'no-json': () => ({ status: 200, type: 'application/json', text: 'hello' }),
  'no-body': () => ({ status: 200, type: 'application/json', text: '' }),
  'plain-type': (review) => ({ ...response((right) => right)(review), type: 'text/plain' }),
  'empty-object': () => json({}),
  'another-kind': ({ apiVersion }) => json({ apiVersion, kind: 'AdmissionReview', response: {} }),
  'another-version': ({ kind, request }) =>
    json({
      apiVersion: 'apiextensions.k8s.io/v1beta1',
      kind,
      response: { uid: request.uid, result: success, convertedObjects: [] },
    }),
  'no-response': response(() => undefined),
  'no-uid': response(({ uid: _uid, ...right }) => right),
  'another-uid': response((right) => ({ ...right, uid: 'other' })),
  'no-result': response(({ result: _result, ...right }) => right),
  failed: response(({ uid }) => ({ uid, result: { status: 'Failed', message: 'it has no address' } })),
  failure: response(({ uid }) => ({ uid, result: { status: 'Failure' } })),
  'unknown-result': response(({ uid }) => ({ uid, result: { status: 'Perhaps', message: '' } })),
  'no-objects': response(({ convertedObjects: _objects, ...right }) => right),
  'empty-objects': response((right) => ({ ...right, convertedObjects: [] })),
  'too-many-objects': response((right) => ({
    ...right,
    convertedObjects: [...(right['convertedObjects'] as unknown[]), {}],
  })),

  'a-null': objects(() => null),
  'a-text': objects(() => 'x'),
  'a-list': objects(() => []),
  'an-empty-object': objects(() => ({})),
  'no-version': objects((host) => without(host, 'apiVersion')),
  'the-old-version': objects((host, { request }) => ({
    ...host,
    apiVersion: request.objects[0]?.apiVersion,
  })),
  'no-version-of-any': objects((host) => ({ ...host, apiVersion: 'v1' })),
  'no-kind': objects((host) => without(host, 'kind')),
  'the-wrong-kind': objects((host) => ({ ...host, kind: 'Guest' })),
  'no-metadata': objects((host) => without(host, 'metadata')),
  'null-metadata': objects((host) => ({ ...host, metadata: null })),
  'text-metadata': objects((host) => ({ ...host, metadata: 'x' })),
  'empty-metadata': objects((host) => ({ ...host, metadata: {} })),
  'another-name': metadata({ name: 'other' }),
  'another-namespace': metadata({ namespace: 'other' }),
  'no-namespace': metadata({ namespace: undefined }),
  'another-object-uid': metadata({ uid: 'other' }),
  'other-metadata': metadata({
    resourceVersion: '1',
    creationTimestamp: '2001-01-01T00:00:00Z',
    generation: 77,
    finalizers: ['example.com/new'],
    ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'x', uid: 'y' }],
    managedFields: [],
    deletionTimestamp: '2001-01-01T00:00:00Z',
    generateName: 'x-',
    what: 1,
  }),
  'other-labels': metadata({ labels: { new: 'label' }, annotations: { new: 'annotation' } }),
  'no-labels': metadata({ labels: undefined, annotations: null }),
  'wrong-keys': metadata({ labels: { 'not a key': 'x' } }),
  'wrong-values': metadata({ labels: { a: 'not a value!' } }),
  'wrong-annotations': metadata({ annotations: { 'not a key': 'x' } }),
  'number-labels': metadata({ labels: { a: 1 } }),
  'list-labels': metadata({ labels: [] }),
  'text-annotations': metadata({ annotations: 'x' }),
  'more-fields': objects((host) => ({ ...host, spec: { ...host.spec, unknown: 1 }, more: true })),
  'wrong-type': objects((host) => ({ ...host, spec: { address: 7, port: 'x' } })),
  'no-spec': objects((host) => without(host, 'spec')),
};
