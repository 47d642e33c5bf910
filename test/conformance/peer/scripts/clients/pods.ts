/** Pods: how long they take to go, evictions under budgets, bindings, containers for debugging, and resources that change. */
import type { Comparison, SidedCall } from '../../comparison.ts';
import { core, get, inTurn, patch, pod, post, put, remove } from './world.ts';

type Json = Record<string, unknown>;

const pods = `${core}/pods`;
const budgets = '/apis/policy/v1/namespaces/clients/poddisruptionbudgets';

export async function podSection(comparison: Comparison): Promise<void> {
  await grace(comparison);
  await evictions(comparison);
  await bindings(comparison);
  await changes(comparison);
}

async function grace(comparison: Comparison): Promise<void> {
  const sorts: Readonly<Record<string, readonly [spec: Json, status: Json | undefined, metadata?: Json]>> = {
    waiting: [{}, undefined],
    placed: [{ nodeName: 'n' }, undefined],
    running: [{ nodeName: 'n' }, { phase: 'Running' }],
    done: [{ nodeName: 'n', restartPolicy: 'Never' }, { phase: 'Succeeded' }],
    failed: [{ nodeName: 'n', restartPolicy: 'Never' }, { phase: 'Failed' }],
    patient: [{ nodeName: 'n', terminationGracePeriodSeconds: 120 }, { phase: 'Running' }],
    hasty: [{ nodeName: 'n', terminationGracePeriodSeconds: 0 }, { phase: 'Running' }],
    'below zero': [{ nodeName: 'n', terminationGracePeriodSeconds: -3 }, { phase: 'Running' }],
    guarded: [{ nodeName: 'n' }, { phase: 'Running' }, { finalizers: ['example.com/x'] }],
    'guarded and waiting': [{}, undefined, { finalizers: ['example.com/x'] }],
  };
  const ways: Readonly<Record<string, readonly Json[]>> = {
    'told nothing': [{}],
    'at once': [{ gracePeriodSeconds: 0 }],
    'in one second': [{ gracePeriodSeconds: 1 }],
    'later then sooner': [{ gracePeriodSeconds: 60 }, { gracePeriodSeconds: 5 }],
    'sooner then later': [{ gracePeriodSeconds: 5 }, { gracePeriodSeconds: 60 }],
    'then at once': [{ gracePeriodSeconds: 60 }, { gracePeriodSeconds: 0 }],
    'below zero': [{ gracePeriodSeconds: -7 }],
    'before dependents': [{ propagationPolicy: 'Foreground' }],
    'rehearsed at once': [{ gracePeriodSeconds: 0, dryRun: ['All'] }],
  };
  for (const [sort, [spec, status, metadata = {}]] of Object.entries(sorts))
    for (const [way, options] of Object.entries(ways)) {
      const title = `${sort} ${way}`;
      const name = title.replaceAll(' ', '-');
      await comparison.both(title, post(pods, pod(name, spec, metadata)));
      if (status !== undefined)
        await comparison.both(`${title} status`, patch('merge', `${pods}/${name}/status`, { status }));
      for (const [i, body] of options.entries())
        await comparison.compare(`${title}: goes ${i + 1}`, remove(`${pods}/${name}`, body));
      await comparison.compare(`${title}: is`, get(`${pods}/${name}`));
    }
}

async function evictions(comparison: Comparison): Promise<void> {
  const evict = (name: string, more: Json = {}, query = ''): SidedCall =>
    post(`${pods}/${name}/eviction${query}`, {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name },
      ...more,
    });
  const budget = (name: string, spec: Json): SidedCall =>
    post(budgets, { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name }, spec });
  const allowed = (name: string, status: Json): SidedCall =>
    patch('merge', `${budgets}/${name}/status`, { status });
  const running = (name: string, labels: Json, more: Json = {}): Record<string, SidedCall> => ({
    [`pod ${name}`]: post(pods, pod(name, { nodeName: 'n', ...more }, { labels })),
    [`status of ${name}`]: patch('merge', `${pods}/${name}/status`, {
      status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
    }),
  });
  const selector = { matchLabels: { evict: 'a' } };
  const status = {
    disruptionsAllowed: 0,
    currentHealthy: 2,
    desiredHealthy: 2,
    expectedPods: 2,
    observedGeneration: 1,
  };
  await inTurn(comparison, {
    ...running('evict-1', { evict: 'a' }),
    ...running('evict-2', { evict: 'a' }),
    ...running('evict-3', { evict: 'b' }),
    'a budget': budget('a', { minAvailable: 2, selector }),
    'eviction before it is judged': evict('evict-1'),
    'none may go': allowed('a', status),
    'eviction that is too much': evict('evict-1'),
    'eviction that is too much, rehearsed': evict('evict-1', {}, '?dryRun=All'),
    'one may go': allowed('a', { ...status, disruptionsAllowed: 1, currentHealthy: 3 }),
    'eviction rehearsed': evict('evict-1', {}, '?dryRun=All'),
    'eviction rehearsed in its options': evict('evict-1', { deleteOptions: { dryRun: ['All'] } }),
    'the budget after rehearsals': get(`${budgets}/a`),
    'eviction with another uid': evict('evict-1', { deleteOptions: { preconditions: { uid: 'other' } } }),
    'eviction with an old version': evict('evict-1', {
      deleteOptions: { preconditions: { resourceVersion: '1' } },
    }),
    'the budget after refusals': get(`${budgets}/a`),
    eviction: evict('evict-1'),
    'the budget after it': get(`${budgets}/a`),
    'the pod after it': get(`${pods}/evict-1`),
    'eviction again': evict('evict-1'),
    'eviction of the next': evict('evict-2'),
    'eviction without a budget': evict('evict-3', { deleteOptions: { gracePeriodSeconds: 7 } }),
    'the pod without a budget': get(`${pods}/evict-3`),
    'a second budget': budget('b', { maxUnavailable: 1, selector }),
    'eviction under two budgets': evict('evict-2'),
    'the second goes': remove(`${budgets}/b`),
    'pod not ready': patch('merge', `${pods}/evict-2/status`, {
      status: { conditions: [{ type: 'Ready', status: 'False' }] },
    }),
    'eviction of one that is not ready': evict('evict-2'),
    'enough are healthy': allowed('a', {
      ...status,
      disruptionsAllowed: 0,
      currentHealthy: 2,
      disruptedPods: null,
    }),
    'eviction of one that is not ready with enough': evict('evict-2', {}, '?dryRun=All'),
    'the unhealthy always': patch('merge', `${budgets}/a`, {
      spec: { unhealthyPodEvictionPolicy: 'AlwaysAllow' },
    }),
    'not enough are healthy': allowed('a', { ...status, currentHealthy: 1, observedGeneration: 2 }),
    'eviction of the unhealthy': evict('evict-2'),
    ...Object.fromEntries(
      (
        [
          ['waiting', {}, undefined],
          ['done', { nodeName: 'n', restartPolicy: 'Never' }, 'Succeeded'],
          ['failed', { nodeName: 'n', restartPolicy: 'Never' }, 'Failed'],
        ] as const
      ).flatMap(([name, spec, phase]): [string, SidedCall][] => [
        [`pod evict-${name}`, post(pods, pod(`evict-${name}`, spec, { labels: { evict: 'a' } }))],
        [
          `status of evict-${name}`,
          patch('merge', `${pods}/evict-${name}/status`, { status: phase === undefined ? {} : { phase } }),
        ],
        [`eviction of one that is ${name}`, evict(`evict-${name}`)],
      ]),
    ),
    'eviction of another version': evict('evict-2', { apiVersion: 'policy/v1beta1' }),
    'eviction of another kind': evict('evict-2', { kind: 'Pod', apiVersion: 'v1' }),
    'eviction with unknown fields': evict('evict-2', { what: 1 }, '?fieldValidation=Strict'),
    'eviction without a name': evict('evict-2', { metadata: {} }, '?dryRun=All'),
    'eviction in another namespace': evict('evict-2', { metadata: { name: 'evict-2', namespace: 'other' } }),
    'eviction of many': post(`${pods}/evict-2/eviction`, []),
    'the collection of evictions': get(`${pods}/evict-2/eviction`),
    'all may go': patch('merge', `${budgets}/a`, { spec: { minAvailable: '0%' } }),
    'a budget by share': budget('share', { minAvailable: '50%', selector: {} }),
    'a budget of both': budget('both', { minAvailable: 1, maxUnavailable: 1, selector }),
    'the budgets go': remove(budgets),
  });
}

async function bindings(comparison: Comparison): Promise<void> {
  const bind = (name: string, target: unknown, more: Json = {}, query = ''): SidedCall =>
    post(`${pods}/${name}/binding${query}`, {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name },
      target,
      ...more,
    });
  const node = { apiVersion: 'v1', kind: 'Node', name: 'n' };
  await inTurn(comparison, {
    'a pod to bind': post(pods, pod('bind-1')),
    'a pod with gates': post(pods, pod('bind-2', { schedulingGates: [{ name: 'example.com/g' }] })),
    'a pod to go': post(pods, pod('bind-3', {}, { finalizers: ['example.com/x'] })),
    goes: remove(`${pods}/bind-3`),
    'binding of one with gates': bind('bind-2', node),
    'a gate more': patch('json', `${pods}/bind-2`, [
      { op: 'add', path: '/spec/schedulingGates/-', value: { name: 'example.com/h' } },
    ]),
    'gates gone': patch('merge', `${pods}/bind-2`, { spec: { schedulingGates: null } }),
    'gates back': patch('merge', `${pods}/bind-2`, {
      spec: { schedulingGates: [{ name: 'example.com/g' }] },
    }),
    'binding of one that goes': bind('bind-3', node),
    'binding of nothing': bind('none-such', node),
    'binding with another uid': bind('bind-1', node, { metadata: { name: 'bind-1', uid: 'other' } }),
    'binding with an old version': bind('bind-1', node, {
      metadata: { name: 'bind-1', resourceVersion: '1' },
    }),
    'binding under another name': bind('bind-1', node, { metadata: { name: 'other' } }),
    'binding without a name': bind('bind-1', node, { metadata: {} }, '?dryRun=All'),
    'binding without a kind of target': bind('bind-1', { name: 'n' }, {}, '?dryRun=All'),
    'binding without a target': bind('bind-1', undefined, {}, '?dryRun=All'),
    'binding to no name': bind('bind-1', { kind: 'Node' }, {}, '?dryRun=All'),
    'binding by the collection': post(`${core}/bindings?dryRun=All`, {
      metadata: { name: 'bind-1' },
      target: node,
    }),
    'binding by the collection of nothing': post(`${core}/bindings`, {
      metadata: { name: 'none-such' },
      target: node,
    }),
    'binding with labels': bind('bind-1', node, {
      metadata: {
        name: 'bind-1',
        labels: { 'example.com/l': 'x', 'topology.kubernetes.io/zone': 'z' },
        annotations: { a: 'b' },
      },
    }),
    bound: get(`${pods}/bind-1`),
    'bound again to the same': bind('bind-1', node),
    'bound again to another': bind('bind-1', { kind: 'Node', name: 'm' }),
    'bindings listed': get(`${core}/bindings`),
    'moved by hand': patch('merge', `${pods}/bind-1`, { spec: { nodeName: 'm' } }),
    'placed by hand': patch('merge', `${pods}/bind-2`, { spec: { nodeName: 'm' } }),
  });
}

async function changes(comparison: Comparison): Promise<void> {
  const debug = (more: Json = {}): Json => ({ name: 'debug', image: 'demo:1', ...more });
  const resources = (cpu: string, memory: string): Json => ({
    requests: { cpu, memory },
    limits: { cpu, memory },
  });
  const sized = pod('resized', {
    nodeName: 'n',
    containers: [{ name: 'one', image: 'demo:1', resources: resources('1', '64Mi') }],
    initContainers: [
      { name: 'side', image: 'demo:1', restartPolicy: 'Always' },
      { name: 'first', image: 'demo:1' },
    ],
  });
  const ephemeral = `${pods}/debugged/ephemeralcontainers`;
  const resize = `${pods}/resized/resize`;
  const added = (...all: Json[]): SidedCall =>
    patch('strategic', ephemeral, { spec: { ephemeralContainers: all } });
  const resized = (container: Json, query = '?dryRun=All'): SidedCall =>
    patch('strategic', `${resize}${query}`, { spec: { containers: [{ name: 'one', ...container }] } });
  await inTurn(comparison, {
    'a pod to debug': post(pods, pod('debugged')),
    'containers for debugging': get(ephemeral),
    'one more': added(debug({ stdin: true, tty: true, targetContainerName: 'one' })),
    'the same again': added(debug({ stdin: true, tty: true, targetContainerName: 'one' })),
    'another image': added(debug({ image: 'demo:2' })),
    'of a container that is not': added(debug({ name: 'second', targetContainerName: 'none' })),
    'with a name that is taken': added(debug({ name: 'one' })),
    'with ports': added(debug({ name: 'third', ports: [{ containerPort: 1 }] })),
    'with resources': added(debug({ name: 'third', resources: { limits: { cpu: '1' } } })),
    'with a probe': added(debug({ name: 'third', livenessProbe: { exec: { command: ['x'] } } })),
    'without an image': added({ name: 'third' }),
    'taken away': patch('merge', ephemeral, { spec: { ephemeralContainers: null } }),
    'with other changes': patch('merge', ephemeral, {
      metadata: { labels: { a: 'b' } },
      spec: { activeDeadlineSeconds: 5 },
    }),
    'by an update': (side) => {
      const seen = side.saw('one more');
      return put(ephemeral, {
        ...seen,
        spec: {
          ...seen?.spec,
          ephemeralContainers: [...(seen?.spec?.ephemeralContainers ?? []), debug({ name: 'by-update' })],
        },
      });
    },
    'by an update of the pod': patch('strategic', `${pods}/debugged`, {
      spec: { ephemeralContainers: [debug({ name: 'by-pod' })] },
    }),
    'by apply': patch('apply', `${ephemeral}?fieldManager=x`, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'debugged' },
      spec: { ephemeralContainers: [debug({ name: 'applied' })] },
    }),
    'in a creation': post(`${pods}?dryRun=All`, pod('x', { ephemeralContainers: [debug()] })),
    'a pod to resize': post(pods, sized),
    'as it may be resized': get(resize),
    'more CPU': resized({ resources: resources('2', '64Mi') }),
    'less memory': resized({ resources: resources('1', '32Mi') }),
    'no limits': resized({ resources: { limits: null } }),
    'a request above its limit': resized({ resources: { requests: { cpu: '3' } } }),
    'another resource': resized({
      resources: { requests: { 'example.com/x': '1' }, limits: { 'example.com/x': '1' } },
    }),
    'ephemeral storage': resized({ resources: { requests: { 'ephemeral-storage': '1Gi' } } }),
    'another class': resized({ resources: { requests: { cpu: '500m' } } }),
    'another image by resizing': resized({ image: 'demo:2' }),
    'another policy': resized({ resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }] }),
    'a new container': patch('strategic', `${resize}?dryRun=All`, {
      spec: { containers: [{ name: 'two', image: 'demo:1' }] },
    }),
    'a container beside': patch('strategic', `${resize}?dryRun=All`, {
      spec: { initContainers: [{ name: 'side', resources: resources('1', '1Mi') }] },
    }),
    'a container before': patch('strategic', `${resize}?dryRun=All`, {
      spec: { initContainers: [{ name: 'first', resources: resources('1', '1Mi') }] },
    }),
    'labels by resizing': patch('merge', `${resize}?dryRun=All`, { metadata: { labels: { a: 'b' } } }),
    'status by resizing': patch('merge', `${resize}?dryRun=All`, { status: { phase: 'Running' } }),
    'resources of the pod by resizing': patch('merge', `${resize}?dryRun=All`, {
      spec: { resources: resources('2', '1Gi') },
    }),
    'resized for good': resized({ resources: resources('2', '64Mi') }, '?fieldManager=sizer'),
    'resized by apply': patch('apply', `${resize}?fieldManager=applier`, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'resized' },
      spec: { containers: [{ name: 'one', resources: resources('3', '64Mi') }] },
    }),
    'resized without resize': patch('strategic', `${pods}/resized?dryRun=All`, {
      spec: { containers: [{ name: 'one', resources: resources('2', '64Mi') }] },
    }),
    'resized at last': get(`${pods}/resized`),
    'status of its resources': patch('merge', `${pods}/resized/status`, {
      status: {
        resize: 'InProgress',
        observedGeneration: 2,
        containerStatuses: [
          {
            name: 'one',
            image: 'demo:1',
            imageID: 'x',
            ready: true,
            restartCount: 0,
            started: true,
            allocatedResources: { cpu: '1' },
          },
        ],
      },
    }),
    'another image of the pod': patch('strategic', `${pods}/resized`, {
      spec: { containers: [{ name: 'one', image: 'demo:3' }] },
    }),
    'more tolerations': patch('json', `${pods}/resized?dryRun=All`, [
      { op: 'add', path: '/spec/tolerations/-', value: { key: 'x', operator: 'Exists' } },
    ]),
    'fewer tolerations': patch('json', `${pods}/resized?dryRun=All`, [
      { op: 'remove', path: '/spec/tolerations/0' },
    ]),
    'a deadline': patch('merge', `${pods}/resized`, { spec: { activeDeadlineSeconds: 60 } }),
    'a longer deadline': patch('merge', `${pods}/resized?dryRun=All`, {
      spec: { activeDeadlineSeconds: 90 },
    }),
    'a grace of one second': patch('merge', `${pods}/resized?dryRun=All`, {
      spec: { terminationGracePeriodSeconds: 1 },
    }),
  });
}
