/** Two API server processes of one master on a real etcd: to its clients they are one server. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { ClientHttp2Session } from 'node:http2';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { kubectlFor, succeeding } from '../testing/kubectl.ts';
import { until } from '../testing/harness.ts';
import { startEtcd } from '../testing/real-etcd.ts';
import { call, type Reply, type ServerProcess, startServerProcess } from '../testing/server-process.ts';

const maps = '/api/v1/namespaces/default/configmaps';
const mergePatch = 'application/merge-patch+json';
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- level: Metadata
  resources: [{ group: "", resources: [configmaps], resourceNames: [audited-0, audited-1] }]
  omitStages: [RequestReceived]
`;

const cleanups: (() => unknown)[] = [];
const context = { after: (end: () => unknown) => void cleanups.push(end) } as never;
let server: ServerProcess;
let auditLog = '';
/** Two connections; each is at a worker of its own. */
let left: ClientHttp2Session;
let right: ClientHttp2Session;

before(async () => {
  const { endpoint } = await startEtcd(context);
  const directory = await mkdtemp(join(tmpdir(), 'timonier-workers-'));
  cleanups.push(() => rm(directory, { recursive: true, force: true }));
  auditLog = join(directory, 'audit.log');
  await writeFile(join(directory, 'policy.yaml'), auditPolicy);
  server = await startServerProcess(context, endpoint, {
    workers: '2',
    'audit-policy-file': join(directory, 'policy.yaml'),
    'audit-log-path': auditLog,
  });
  [left, right] = await pair();
});

after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

async function ask(
  session: ClientHttp2Session,
  status: number,
  ...request: [method: string, path: string, body?: unknown, contentType?: string]
): Promise<Reply> {
  const answer = await call(session, ...request);
  assert.equal(answer.status, status, `${request[0]} ${request[1]}: ${answer.text.slice(0, 600)}`);
  return answer;
}

/** Connections at each worker, as the process that holds the ports counts them. */
async function spread(): Promise<readonly number[]> {
  const { text } = await server.ops('/metrics');
  return [0, 1].map((worker) =>
    metric(text, `timonier_apiserver_worker_open_connections{worker="${worker}"}`),
  );
}

function metric(text: string, series: string): number {
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1) ?? Number.NaN);
}

/** Two connections at different workers, of which each gets the next one in turn when they have as many. */
async function pair(): Promise<[ClientHttp2Session, ClientHttp2Session]> {
  await until(async () => {
    const [one, other] = await spread();
    return one === other;
  }, 'both workers have as many connections');
  const [one, other] = [server.connect(), server.connect()];
  await ask(one, 200, 'GET', '/version');
  await ask(other, 200, 'GET', '/version');
  return [one, other];
}

function workerPids(): number[] {
  const { pid } = server.child;
  const children = (thread: string): string[] =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').trim().split(' ');
  return readdirSync(`/proc/${pid}/task`).flatMap(children).filter(Boolean).map(Number);
}

test('connections are spread evenly, on the private socket too', async () => {
  const before = await spread();
  const more = [...Array.from({ length: 6 }, () => server.connect()), server.connect('admin', true)];
  more.push(server.connect('admin', true));
  for (const session of more) await ask(session, 200, 'GET', '/api/v1/namespaces/default');
  const now = await spread();
  assert.deepEqual(
    now.map((count, i) => count - (before[i] ?? 0)),
    [4, 4],
  );
  for (const session of more) session.destroy();
  await until(async () => String(await spread()) === String(before), 'their ends are counted');
});

test('what one connection wrote, the other lists and gets', async () => {
  for (let i = 0; i < 30; i++) {
    const [writer, reader] = i % 2 === 0 ? [left, right] : [right, left];
    await ask(writer, 201, 'POST', maps, { metadata: { name: `seen-${i}` } });
    const { json } = await ask(reader, 200, 'GET', `${maps}?labelSelector=`);
    assert.ok(
      json.items.some(({ metadata }: { metadata: { name: string } }) => metadata.name === `seen-${i}`),
      `the list has seen-${i}`,
    );
    await ask(reader, 200, 'DELETE', `${maps}/seen-${i}`);
    await ask(writer, 404, 'GET', `${maps}/seen-${i}`);
  }
});

test('patches of one object through both do not lose or refuse each other', async () => {
  await ask(left, 201, 'POST', maps, { metadata: { name: 'crowd' } });
  const patches = Array.from({ length: 80 }, (_unused, i) =>
    ask(i % 2 === 0 ? left : right, 200, 'PATCH', `${maps}/crowd`, { data: { [`k${i}`]: 'v' } }, mergePatch),
  );
  await Promise.all(patches);
  const { json } = await ask(left, 200, 'GET', `${maps}/crowd`);
  assert.equal(Object.keys(json.data as object).length, 80);
});

test('a namespace and a kind that one defined are there for the other', async () => {
  await ask(left, 201, 'POST', '/api/v1/namespaces', { metadata: { name: 'fresh' } });
  await ask(right, 201, 'POST', '/api/v1/namespaces/fresh/configmaps', { metadata: { name: 'a' } });
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  await ask(left, 201, 'POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    metadata: { name: 'sails.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'sails', singular: 'sail', kind: 'Sail', listKind: 'SailList' },
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  });
  const sails = '/apis/example.com/v1/namespaces/default/sails';
  await until(async () => (await call(left, 'GET', sails)).status === 200, 'the kind is served');
  await ask(right, 201, 'POST', sails, {
    apiVersion: 'example.com/v1',
    kind: 'Sail',
    metadata: { name: 'jib' },
  });
  assert.equal((await ask(left, 200, 'GET', sails)).json.items.length, 1);
});

test('a quota holds over both, and no address or port is given twice', async () => {
  await ask(left, 201, 'POST', '/api/v1/namespaces', { metadata: { name: 'tight' } });
  await ask(left, 201, 'POST', '/api/v1/namespaces/tight/resourcequotas', {
    metadata: { name: 'few' },
    spec: { hard: { configmaps: '7' } },
  });
  // Its status is the controller's to fill in; here the test does.
  await ask(
    left,
    200,
    'PATCH',
    '/api/v1/namespaces/tight/resourcequotas/few/status',
    { status: { hard: { configmaps: '7' }, used: { configmaps: '0' } } },
    mergePatch,
  );
  const quota = '/api/v1/namespaces/tight/resourcequotas/few';
  for (const session of [left, right]) await ask(session, 200, 'GET', quota);
  const answers = await Promise.all(
    Array.from({ length: 24 }, (_unused, i) =>
      call(i % 2 === 0 ? left : right, 'POST', '/api/v1/namespaces/tight/configmaps', {
        metadata: { name: `m-${i}` },
      }),
    ),
  );
  assert.equal(
    answers.filter(({ status }) => status === 201).length,
    7,
    answers.map(({ text }) => text).join(),
  );
  const services = await Promise.all(
    Array.from({ length: 24 }, (_unused, i) =>
      ask(i % 2 === 0 ? left : right, 201, 'POST', '/api/v1/namespaces/default/services', {
        metadata: { name: `s-${i}` },
        spec: { type: 'NodePort', ports: [{ port: 80 }] },
      }),
    ),
  );
  const distinct = (pick: (service: Reply['json']) => unknown): number =>
    new Set(services.map(({ json }) => pick(json))).size;
  assert.equal(
    distinct(({ spec }) => spec.clusterIP),
    24,
  );
  assert.equal(
    distinct(({ spec }) => spec.ports[0].nodePort),
    24,
  );
});

test('metrics and readiness are of all together, whoever is asked', async () => {
  const series =
    'apiserver_request_total{verb="LIST",group="",version="v1",resource="podtemplates",subresource="",scope="cluster",component="apiserver",dry_run="",code="200"}';
  for (let i = 0; i < 7; i++) await ask(i < 3 ? left : right, 200, 'GET', '/api/v1/podtemplates');
  const texts = [await ask(left, 200, 'GET', '/metrics'), await ask(right, 200, 'GET', '/metrics')];
  texts.push(await server.ops('/metrics'));
  for (const { text } of texts) assert.equal(metric(text, series), 7);
  const { text } = await server.ops('/metrics');
  assert.equal(metric(text, 'timonier_build_info{component="apiserver",node="' + process.version + '"}'), 1);
  const seats = text
    .split('\n')
    .filter((line) => line.startsWith('apiserver_flowcontrol_nominal_limit_seats{'))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  // Upstream's shares of 600, each rounded up, in each of two processes.
  assert.ok(seats >= 600 && seats < 640, `${seats} seats in all`);
  for (const session of [left, right])
    assert.match((await ask(session, 200, 'GET', '/readyz?verbose')).text, /\[\+\]workers ok/);
  assert.match((await server.ops('/readyz?verbose')).text, /\[\+\]worker-0 ok\n\[\+\]worker-1 ok/);
});

test('the audit log has what both served', async () => {
  for (const [i, session] of [left, right].entries()) await ask(session, 404, 'GET', `${maps}/audited-${i}`);
  await until(() => {
    // The first event makes it.
    if (!existsSync(auditLog)) return false;
    const names = readFileSync(auditLog, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => (JSON.parse(line) as { objectRef: { name?: string } }).objectRef.name);
    return names.includes('audited-0') && names.includes('audited-1');
  }, 'both events are in the file');
});

test('kubectl finds one server', async (t) => {
  const kubectl = await kubectlFor(t, 'v35', server.kubeconfig);
  const run = succeeding(kubectl);
  const manifest = (value: string): string =>
    `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"applied"},"data":{"key":"${value}"}}`;
  assert.match(await run('apply -f -', manifest('one')), /created/);
  assert.match(
    await run('apply --server-side --force-conflicts -f -', manifest('two')),
    /serverside-applied/,
  );
  assert.equal(await run('get configmap applied -o jsonpath={.data.key}'), 'two');
  assert.match(await run('get sails'), /jib/);
  assert.match(await run('wait --for=jsonpath={.data.key}=two configmap/applied --timeout=20s'), /met/);
  assert.match(await run('delete configmap applied'), /deleted/);
});

/** Follows changes of ConfigMaps by name, over new connections when one breaks, as clients do. */
class Follower {
  readonly seen: string[] = [];
  readonly breaks: string[] = [];
  #revision: string;
  #isDone = false;

  constructor(revision: string) {
    this.#revision = revision;
  }

  async run(first: ClientHttp2Session): Promise<void> {
    let session = first;
    while (!this.#isDone) {
      await this.#once(session).catch((error: unknown) => this.breaks.push(String(error)));
      if (!this.#isDone) session = server.connect();
    }
  }

  done(): void {
    this.#isDone = true;
  }

  async #once(session: ClientHttp2Session): Promise<void> {
    const stream = session.request({ ':path': `${maps}?watch=1&resourceVersion=${this.#revision}` });
    stream.on('error', () => undefined);
    let pending = '';
    for await (const chunk of stream) {
      pending += String(chunk);
      const lines = pending.split('\n');
      pending = lines.pop() ?? '';
      for (const line of lines) {
        const { type, object } = JSON.parse(line) as { type: string; object: Reply['json'] };
        if (type === 'ERROR') throw new Error(`the watch was refused: ${line}`);
        this.#revision = object.metadata.resourceVersion as string;
        if (type === 'ADDED') this.seen.push(object.metadata.name as string);
      }
      if (this.#isDone) stream.close();
    }
  }
}

test('one worker is killed under writes and watches: the other goes on, and nothing is lost', async () => {
  const { json } = await ask(left, 200, 'GET', `${maps}?limit=1`);
  const revision = json.metadata.resourceVersion as string;
  const followers = [new Follower(revision), new Follower(revision)];
  const following = followers.map((follower, i) => follower.run(i === 0 ? left : right));
  const acknowledged: string[] = [];
  let isKilled = false;
  const isLost = new Set<ClientHttp2Session>();
  const write = async (first: ClientHttp2Session, who: string): Promise<void> => {
    let session = first;
    for (let i = 0; i < 60; i++) {
      const name = `${who}-${i}`;
      try {
        const { status, text } = await call(session, 'POST', maps, { metadata: { name } });
        assert.ok(status === 201, `${name}: ${status} ${text}`);
        acknowledged.push(name);
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        // Unknown whether it was carried out: the client asks again under the next name.
        isLost.add(session);
        session = server.connect();
      }
      if (acknowledged.length < 30 || isKilled) continue;
      isKilled = true;
      process.kill(victim, 'SIGKILL');
    }
  };
  const [victim = 0] = workerPids();
  await Promise.all([write(left, 'l'), write(right, 'r')]);
  // Those of one worker, and perhaps one that was on its way to it.
  assert.ok(isLost.size === 1 || isLost.size === 2, `${isLost.size} connections broke`);
  await until(
    () => followers.every(({ seen }) => acknowledged.every((name) => seen.includes(name))),
    'both followers have seen every acknowledged write',
  );
  for (const follower of followers) follower.done();
  // Wakes them up.
  await ask(server.connect(), 201, 'POST', maps, { metadata: { name: 'last' } });
  await Promise.all(following);
  assert.equal(
    followers.flatMap(({ breaks }) => breaks).filter((text) => text.includes('refused')).length,
    0,
  );
  for (const { seen } of followers) assert.equal(new Set(seen).size, seen.length, 'no event came twice');
  await until(async () => (await server.ops('/readyz')).status === 200, 'the worker is back', 60_000);
  assert.equal(workerPids().length, 2);
  const { text } = await server.ops('/metrics');
  assert.equal(metric(text, 'timonier_apiserver_worker_exits_total{worker="0"}'), 1);
  [left, right] = [server.connect(), server.connect()];
  for (const session of [left, right]) await ask(session, 200, 'GET', `${maps}/last`);
  const namespace = { metadata: { name: 'after' } };
  await ask(left, 201, 'POST', '/api/v1/namespaces', namespace);
});

test('connections on their way to a worker that ends are answered by the other, or end', async () => {
  const handed = async (): Promise<number> => {
    const { text } = await server.ops('/metrics');
    const series = (worker: number): string =>
      `timonier_apiserver_worker_connections_total{worker="${worker}"}`;
    return metric(text, series(0)) + metric(text, series(1));
  };
  const before = await handed();
  const [victim = 0] = workerPids();
  process.kill(victim, 'SIGSTOP');
  // Handed over in turn: every second one waits for the worker that does not take it.
  const answers = Array.from({ length: 8 }, () =>
    call(server.connect(), 'GET', `${maps}/last`).then(
      ({ status }) => status,
      () => 'ended' as const,
    ),
  );
  await until(async () => (await handed()) === before + 8, 'all connections were accepted');
  process.kill(victim, 'SIGKILL');
  const outcomes = await Promise.all(answers);
  assert.ok(outcomes.filter((outcome) => outcome === 'ended').length <= 1, String(outcomes));
  assert.ok(outcomes.filter((outcome) => outcome === 200).length >= 7, String(outcomes));
  await until(async () => (await server.ops('/readyz')).status === 200, 'the worker is back', 60_000);
});

test('the workers end with the process that holds the ports, however that goes', async () => {
  const pids = workerPids();
  assert.equal(pids.length, 2);
  await server.stop('SIGKILL');
  const isGone = (pid: number): boolean => {
    try {
      return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
    } catch {
      return true;
    }
  };
  await until(() => pids.every(isGone), 'the workers are gone');
});
