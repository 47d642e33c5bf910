/** What fairness is for: a client that floods the server does not keep nodes and control loops from being served. */
import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import { readFile } from 'node:fs/promises';
import { test, type TestContext } from 'node:test';
import { startApiServer, type TestServer, until } from '../testing/harness.ts';
import { startEtcd } from '../testing/real-etcd.ts';

const flooding = 250;
const node = 'master-1';

interface Flood {
  readonly answers: Map<number, number>;
  readonly retryAfter: Set<string>;
  readonly refusal: { text: string; type: string };
  stop(): Promise<void>;
}

/** Hundreds of requests at once, and a new one for each that is answered, until it is stopped. */
async function flood(t: TestContext, server: TestServer, path: string, body?: object): Promise<Flood> {
  const review = await server.request('POST', '/api/v1/namespaces/default/serviceaccounts/flood/token', {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: {},
  });
  const token = String(review.json.status.token);
  const session = connect(`https://127.0.0.1:${server.port}`, {
    servername: 'localhost',
    ca: await readFile(server.pki.caFile),
  });
  session.on('error', () => undefined);
  t.after(() => session.destroy());
  const answers = new Map<number, number>();
  const retryAfter = new Set<string>();
  const refusal = { text: '', type: '' };
  let sent = 0;
  const one = (): Promise<void> =>
    new Promise((resolve) => {
      const stream = session.request(
        {
          ':method': body === undefined ? 'GET' : 'POST',
          ':path': path,
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
        },
        { endStream: body === undefined },
      );
      let status = 0;
      let text = '';
      stream.once('response', (headers) => {
        status = Number(headers[':status']);
        if (status === 429) {
          retryAfter.add(String(headers['retry-after']));
          refusal.type = String(headers['content-type']);
        }
      });
      stream.on('data', (chunk: Buffer) => {
        if (status === 429) text += chunk.toString();
      });
      stream.on('error', () => undefined);
      stream.once('close', () => {
        answers.set(status, (answers.get(status) ?? 0) + 1);
        if (text !== '') refusal.text = text;
        resolve();
      });
      if (body !== undefined) stream.end(JSON.stringify({ ...body, metadata: { name: `flood-${sent++}` } }));
    });
  const lanes = Array.from({ length: flooding }, async () => {
    while (!session.destroyed) await one();
  });
  const stop = async (): Promise<void> => {
    // Those that wait are given up, and their seats must be free all the same.
    session.destroy();
    await Promise.all(lanes);
  };
  return { answers, retryAfter, refusal, stop };
}

/** Status codes of what nodes and control loops must be able to do meanwhile. */
async function vitalSigns(server: TestServer, rounds: number): Promise<number[]> {
  const codes: number[] = [];
  const lease = `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${node}`;
  const merge = { 'content-type': 'application/merge-patch+json' };
  for (let round = 0; round < rounds; round++) {
    const answers = await Promise.all([
      server.request(
        'PATCH',
        lease,
        { spec: { renewTime: micro(round) } },
        { as: `kubelet-${node}`, headers: merge },
      ),
      server.request('GET', `/api/v1/nodes/${node}`, undefined, { as: `kubelet-${node}` }),
      server.request('GET', '/api/v1/pods?limit=10', undefined, { as: 'scheduler' }),
      server.request('GET', '/api/v1/pods?limit=10', undefined, { as: 'controller-manager' }),
    ]);
    codes.push(...answers.map(({ status }) => status));
  }
  return codes;
}

function micro(round: number): string {
  return `2026-01-01T00:00:00.${String(round).padStart(6, '0')}Z`;
}

async function prepared(t: TestContext, fair: boolean): Promise<TestServer> {
  const { endpoint } = await startEtcd(t);
  const limits = { fair, maxRequestsInflight: 30, maxMutatingRequestsInflight: 15 };
  const server = await startApiServer(t, { endpoint, limits });
  await until(
    async () => (await server.request('GET', '/api/v1/namespaces/default')).status === 200,
    'the namespace is there',
  );
  const made = await Promise.all([
    server.request('POST', '/api/v1/nodes', { metadata: { name: node } }),
    server.request('POST', '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases', {
      metadata: { name: node },
      spec: { holderIdentity: node, leaseDurationSeconds: 40 },
    }),
    server.request('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'flood' } }),
    server.request('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: { name: 'flood' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ kind: 'ServiceAccount', name: 'flood', namespace: 'default' }],
    }),
  ]);
  assert.deepEqual(
    made.map(({ status }) => status),
    [201, 201, 201, 201],
    made.map(({ body }) => body.toString()).join('\n'),
  );
  await server.caughtUp();
  return server;
}

const configMap = { apiVersion: 'v1', kind: 'ConfigMap', data: { value: 'x'.repeat(200) } };
const configMaps = '/api/v1/namespaces/default/configmaps';

test('a flood of creates and lists starves neither nodes nor control loops, and is told to wait', async (t) => {
  const server = await prepared(t, true);
  await until(
    async () =>
      (await server.request('GET', '/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas/global-default'))
        .status === 200,
    'the flow schemas are there',
  );
  const creates = await flood(t, server, configMaps, configMap);
  const lists = await flood(t, server, configMaps);
  await until(
    () => (creates.answers.get(429) ?? 0) + (lists.answers.get(429) ?? 0) > 0,
    'some are turned away',
  );
  await until(
    () => (creates.answers.get(201) ?? 0) > 0 && (lists.answers.get(200) ?? 0) > 0,
    'the flood is served, too',
  );
  const codes = await vitalSigns(server, 8);
  const waiting = await server.request(
    'GET',
    '/debug/api_priority_and_fairness/dump_requests?includeRequestDetails=1',
  );
  const metrics = (await server.request('GET', '/metrics')).body.toString();
  await Promise.all([creates.stop(), lists.stop()]);
  assert.deepEqual(new Set(codes), new Set([200]));
  assert.equal(creates.refusal.text || lists.refusal.text, 'Too many requests, please try again later.\n');
  assert.equal(creates.refusal.type || lists.refusal.type, 'text/plain; charset=utf-8');
  assert.ok([...creates.retryAfter, ...lists.retryAfter].every((text) => Number(text) >= 1));
  assert.match(
    waiting.body.toString(),
    /^workload-low, +service-accounts, .*system:serviceaccount:default:flood/m,
  );
  assert.match(
    metrics,
    /apiserver_flowcontrol_rejected_requests_total\{priority_level="workload-low",flow_schema="service-accounts",reason="queue-full"\} [1-9]/,
  );
  assert.match(metrics, /apiserver_flowcontrol_nominal_limit_seats\{priority_level="node-high"\} 8/);
  const schema = await server.request(
    'GET',
    '/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas/system-node-high',
  );
  const answer = await server.request('GET', `/api/v1/nodes/${node}`, undefined, { as: `kubelet-${node}` });
  assert.equal(answer.headers['x-kubernetes-pf-flowschema-uid'], schema.json.metadata.uid);
  assert.ok(String(answer.headers['x-kubernetes-pf-prioritylevel-uid']).length > 0);
  await until(async () => {
    const { json } = await server.request('GET', '/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas');
    return json.items.every(
      (item: { status?: { conditions?: { type: string; status: string }[] } }) =>
        item.status?.conditions?.[0]?.status === 'False',
    );
  }, 'every schema says that its level is there');
  const idle = async (): Promise<boolean> => {
    const text = (await server.request('GET', '/metrics')).body.toString();
    return !/current_(executing|inqueue)_(requests|seats)\{(?!priority_level="exempt")[^}]*\} [1-9]/.test(
      text,
    );
  };
  await until(idle, 'no seat is left in use');
  // A level of an administrator's own is used as soon as it is there, and a mandatory object mended.
  const own = structuredClone(schema.json);
  own.metadata = { name: 'of-one-user' };
  own.spec.matchingPrecedence = 50;
  own.spec.priorityLevelConfiguration.name = 'nowhere';
  const created = await server.request('POST', '/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas', own);
  assert.equal(created.status, 201, created.body.toString());
  await until(async () => {
    const path = '/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas/of-one-user';
    return (await server.request('GET', path)).json.status?.conditions?.[0]?.status === 'True';
  }, 'the schema says that its level is not there');
  await server.request(
    'DELETE',
    '/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations/catch-all',
  );
  await until(async () => {
    const path = '/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations/catch-all';
    return (await server.request('GET', path)).status === 200;
  }, 'the mandatory level is there again');
});

test('without fairness the same flood keeps nodes and control loops out', async (t) => {
  const server = await prepared(t, false);
  const creates = await flood(t, server, configMaps, configMap);
  const lists = await flood(t, server, configMaps);
  await until(
    () => (creates.answers.get(429) ?? 0) > 0 && (lists.answers.get(429) ?? 0) > 0,
    'some are turned away',
  );
  await until(async () => (await vitalSigns(server, 1)).includes(429), 'one of them is turned away, too');
  await Promise.all([creates.stop(), lists.stop()]);
});
