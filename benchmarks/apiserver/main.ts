/**
 * The API server over one member of the store: CPU of both per request, lists of 10,000 pods, and the fan-out of
 * events to many watchers. Everything is asked of real processes over TLS and HTTP/2 on loopback.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { ClientHttp2Session } from 'node:http2';
import { type Benchmark, type BenchmarkResult, median, percentile } from '../benchmark.ts';
import { cpuMicros } from '../store/cpu.ts';
import { type Call, load, type Reply, send } from './client.ts';
import { MeasuredServer } from './server.ts';

const podCount = 10_000;
const nodeCount = 100;
const inFlight = 32;
const listRuns = 3;
const watchers = 500;
const eventsPerSecond = 100;
const watchSeconds = 4;
const mebibyte = 1024 * 1024;
const pods = '/api/v1/namespaces/default/pods';

function pod(index: number): Call {
  const body = JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `pod-${index}`,
      labels: { app: `app-${index % 100}`, tier: index % 2 === 0 ? 'front' : 'back' },
    },
    spec: {
      nodeName: `node-${index % nodeCount}`,
      containers: [
        {
          name: 'main',
          image: 'registry.example/app:1.2.3',
          ports: [{ name: 'http', containerPort: 8080 }],
          env: [{ name: 'MODE', value: 'production' }],
          resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { memory: '128Mi' } },
          readinessProbe: { httpGet: { path: '/ready', port: 'http' }, periodSeconds: 5 },
        },
      ],
    },
  });
  return { method: 'POST', path: `${pods}?fieldManager=bench`, body };
}

function status(index: number): Call {
  const now = '2026-01-01T00:00:00Z';
  const conditions = ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({
    type,
    status: 'True',
    lastTransitionTime: now,
  }));
  const name = `pod-${index % podCount}`;
  const body = JSON.stringify({
    status: {
      phase: 'Running',
      podIP: `10.244.0.${index % 250}`,
      startTime: now,
      message: `${index}`,
      conditions,
    },
  });
  return {
    method: 'PATCH',
    path: `${pods}/${name}/status?fieldManager=kubelet`,
    body,
    contentType: 'application/strategic-merge-patch+json',
  };
}

function annotate(index: number): Call {
  const body = JSON.stringify({ metadata: { annotations: { 'example.com/turn': `${index}` } } });
  return {
    method: 'PATCH',
    path: `${pods}/pod-${index % podCount}?fieldManager=bench`,
    body,
    contentType: 'application/merge-patch+json',
  };
}

function apply(index: number): Call {
  const name = `map-${index % 500}`;
  const body = JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, labels: { app: 'bench' } },
    data: { turn: `${index}`, fixed: 'value' },
  });
  return {
    method: 'PATCH',
    path: `/api/v1/namespaces/default/configmaps/${name}?fieldManager=bench&force=true`,
    body,
    contentType: 'application/apply-patch+yaml',
  };
}

interface Table {
  readonly rows: (readonly (string | number)[])[];
  readonly figures: Record<string, number>;
}

async function measureRequests(
  server: MeasuredServer,
  sessions: readonly ClientHttp2Session[],
  { rows, figures }: Table,
): Promise<void> {
  const operations: readonly (readonly [string, number, (index: number) => Call])[] = [
    ['create pod', podCount, pod],
    ['get', 5_000, (index) => ({ method: 'GET', path: `${pods}/pod-${index % podCount}` })],
    ['update status', 2_000, status],
    ['patch', 2_000, annotate],
    ['apply', 2_000, apply],
  ];
  // The compiler's work at the beginning is not the server's.
  const warm = (index: number): Call => {
    const call = pod(index);
    return { ...call, body: (call.body ?? '').replace('"name":"pod-', '"name":"warm-') };
  };
  await load(sessions, 800, inFlight, warm);
  await load(sessions, 800, inFlight, (index) => ({
    method: 'DELETE',
    path: `${pods}/warm-${index}?gracePeriodSeconds=0`,
  }));
  for (const [name, count, call] of operations) {
    const before = [cpuMicros([server.pid]), cpuMicros([server.storePid])] as const;
    const { perSecond, latencies } = await load(sessions, count, inFlight, call);
    const own = (cpuMicros([server.pid]) - before[0]) / count;
    const store = (cpuMicros([server.storePid]) - before[1]) / count;
    const p99 = percentile(latencies, 0.99);
    rows.push([name, Math.round(own), Math.round(store), Math.round(perSecond), p99, '']);
    const key = name.replaceAll(' ', '_');
    figures[`${key}_cpu_us`] = own;
    figures[`${key}_store_cpu_us`] = store;
    figures[`${key}_p99_ms`] = p99;
  }
}

async function listPaged(session: ClientHttp2Session): Promise<number> {
  let token = '';
  let pages = 0;
  do {
    const { status: code, text } = await send(
      session,
      { method: 'GET', path: `${pods}?limit=500&continue=${token}` },
      true,
    );
    if (code !== 200) throw new Error(`page ${pages}: ${code} ${text}`);
    token = /"continue":"([^"]+)"/.exec(text.slice(0, 2_000))?.[1] ?? '';
    pages++;
  } while (token !== '');
  return pages;
}

async function measureLists(
  server: MeasuredServer,
  session: ClientHttp2Session,
  { rows, figures }: Table,
): Promise<void> {
  const one = (query: string) => async (): Promise<void> => {
    const { status: code, text } = await send(session, { method: 'GET', path: `${pods}${query}` });
    if (code !== 200) throw new Error(`${query}: ${code} ${text}`);
  };
  const lists: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['list all', one('')],
    ['list paged', () => listPaged(session)],
    ['list by label', one('?labelSelector=app%3Dapp-7')],
    ['list by node', one('?fieldSelector=spec.nodeName%3Dnode-7')],
  ];
  for (const [name, run] of lists) {
    const times: number[] = [];
    const extra: number[] = [];
    const before = cpuMicros([server.pid]);
    for (let i = 0; i < listRuns; i++) {
      const { now } = server.memory();
      server.resetPeak();
      const start = performance.now();
      await run();
      times.push(performance.now() - start);
      extra.push((server.memory().peak - now) / mebibyte);
    }
    const cpu = (cpuMicros([server.pid]) - before) / listRuns;
    const took = median(times);
    const key = name.replaceAll(' ', '_');
    figures[`${key}_ms`] = took;
    figures[`${key}_extra_mib`] = Math.max(...extra);
    rows.push([name, Math.round(cpu), '', 1_000 / took, Math.max(...times), Math.max(...extra)]);
  }
}

/** Every watcher must see every change; the time of each is written into the change itself. */
async function measureFanOut(
  server: MeasuredServer,
  sessions: readonly ClientHttp2Session[],
  { rows, figures }: Table,
): Promise<void> {
  const [writer] = sessions;
  if (writer === undefined) throw new Error('no session');
  const path = '/api/v1/namespaces/default/secrets';
  await load([writer], eventsPerSecond, 10, (i) => ({
    method: 'POST',
    path,
    body: JSON.stringify({ metadata: { name: `clock-${i}` } }),
  }));
  const { text } = await send(writer, { method: 'GET', path: `${path}?limit=1` }, true);
  const version = /"resourceVersion":"(\d+)"/.exec(text)?.[1] ?? '0';
  const latencies: number[] = [];
  let seen = 0;
  const streams = Array.from({ length: watchers }, (_unused, i) => {
    const stream = sessions[i % sessions.length]?.request({
      ':path': `${path}?watch=1&resourceVersion=${version}`,
    });
    stream?.on('data', (chunk: Buffer) => {
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) seen++;
      if (i % 10 !== 0) return;
      for (const [, sent] of chunk.toString('latin1').matchAll(/"example.com\/sent":"([\d.]+)"/g))
        latencies.push(performance.now() - Number(sent));
    });
    stream?.on('error', () => undefined);
    return stream;
  });
  await Promise.all(
    streams.map((stream) => new Promise((resolve) => void stream?.once('response', resolve))),
  );
  const before = cpuMicros([server.pid]);
  const count = eventsPerSecond * watchSeconds;
  const start = performance.now();
  const writes: Promise<Reply>[] = [];
  for (let i = 0; i < count; i++) {
    const due = start + (i * 1_000) / eventsPerSecond;
    const wait = due - performance.now();
    if (wait > 1) await pause(wait);
    const annotations = { 'example.com/sent': String(performance.now()) };
    const call = {
      method: 'PATCH',
      path: `${path}/clock-${i % eventsPerSecond}`,
      body: JSON.stringify({ metadata: { annotations } }),
      contentType: 'application/merge-patch+json',
    };
    writes.push(send(writer, call));
  }
  for (const { status: code, text: answer } of await Promise.all(writes))
    if (code !== 200) throw new Error(`a change was refused: ${code} ${answer}`);
  const expected = count * watchers;
  const deadline = performance.now() + 20_000;
  const isComplete = (): boolean => seen >= expected;
  while (!isComplete() && performance.now() < deadline) await pause(10);
  const seconds = (performance.now() - start) / 1_000;
  const cpu = cpuMicros([server.pid]) - before;
  for (const stream of streams) stream?.close();
  if (seen !== expected) throw new Error(`${seen} of ${expected} events reached their watchers`);
  const p99 = percentile(latencies, 0.99);
  figures['fan_out_cpu_us_per_delivery'] = cpu / expected;
  figures['fan_out_p99_ms'] = p99;
  figures['fan_out_worst_ms'] = Math.max(...latencies);
  rows.push([`event to ${watchers} watchers`, cpu / expected, '', expected / seconds, p99, '']);
}

/** What pods run as; no controller is there to make it. */
async function makeAccount(session: ReturnType<MeasuredServer['connect']> | undefined): Promise<void> {
  if (session === undefined) throw new Error('no session');
  const path = '/api/v1/namespaces/default/serviceaccounts';
  const body = JSON.stringify({ metadata: { name: 'default' } });
  const { status, text } = await send(session, { method: 'POST', path, body });
  if (status !== 201) throw new Error(`the account of the pods was refused: ${status} ${text}`);
}

export const benchmark: Benchmark = {
  summary: 'requests, lists of 10,000 pods and watches, one API server on one store member',
  run: async ({ log }): Promise<BenchmarkResult> => {
    const profile = process.env['TIMONIER_BENCH_PROFILE'];
    const server = await MeasuredServer.start(profile);
    const sessions = Array.from({ length: 4 }, () => server.connect());
    const table: Table = { rows: [], figures: {} };
    try {
      await makeAccount(sessions[0]);
      await measureRequests(server, sessions, table);
      log('requests measured');
      const [session] = sessions;
      if (session === undefined) throw new Error('no session');
      await measureLists(server, session, table);
      log('lists measured');
      await measureFanOut(server, sessions, table);
    } finally {
      for (const session of sessions) session.destroy();
      await server.close();
    }
    return {
      columns: ['operation', 'CPU µs', 'store CPU µs', 'per second', 'p99 ms', 'extra MiB'],
      rows: table.rows,
      figures: table.figures,
      bounds: [
        { figure: 'get_cpu_us', atMost: 150 },
        { figure: 'create_pod_cpu_us', atMost: 600 },
        { figure: 'list_all_ms', atMost: 500 },
        { figure: 'list_all_extra_mib', atMost: 64 },
      ],
      notes: [
        `${inFlight} requests in flight over 4 connections; CPU is of the API server's process, with its garbage collector`,
        `a row of watches counts deliveries: ${eventsPerSecond} events a second to ${watchers} watchers for ${watchSeconds} s`,
        'for lists: CPU of one list, lists per second, the slowest, and the peak of resident memory above that before',
      ],
    };
  },
};
