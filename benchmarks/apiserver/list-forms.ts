/**
 * Lists of 10,000 pods in every form that clients ask for, short ones beside them, the same as the events that informers begin with,
 * and what the server holds while twenty clients ask for a long one and take nothing of it.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { median, percentile } from '../benchmark.ts';
import { pods, protobuf } from './calls.ts';
import { send } from './client.ts';
import { checkPods } from './lists.ts';
import { anySession, type Bench, meter, type Row } from './row.ts';
import type { Call, Session } from './session.ts';

const longRuns = 5;
/** CPU is counted in steps of 10 ms. */
const shortRuns = 400;
const mebibyte = 1024 * 1024;
const readers = 20;
/** For as long the server makes what nobody takes. */
const madeWithinMs = 4_000;
const meta = 'v=v1;g=meta.k8s.io';
const stateEnd = 'k8s.io/initial-events-end';

const forms: Readonly<Record<string, Omit<Call, 'method' | 'path'>>> = {
  JSON: {},
  'JSON, gzip': { acceptEncoding: 'gzip' },
  protobuf: { accept: protobuf },
  'protobuf, gzip': { accept: protobuf, acceptEncoding: 'gzip' },
  table: { accept: `application/json;as=Table;${meta}` },
  'table, gzip': { accept: `application/json;as=Table;${meta}`, acceptEncoding: 'gzip' },
  metadata: { accept: `application/json;as=PartialObjectMetadataList;${meta}` },
  'metadata, protobuf': { accept: `${protobuf};as=PartialObjectMetadataList;${meta}` },
};

function keyOf(name: string): string {
  return name.replaceAll(/\W+/g, '_').toLowerCase();
}

async function measure(bench: Bench, name: string, runs: number, call: Call): Promise<void> {
  const { server, rows, figures } = bench;
  const session = anySession(bench);
  const run = async (): Promise<number> => {
    const { status, text, bytes } = await send(session, call);
    if (status !== 200) throw new Error(`${name}: ${status} ${text}`);
    return bytes;
  };
  const first = meter(server);
  await run();
  figures[`first_${keyOf(name)}_cpu_us`] = first().own;
  if (runs === longRuns)
    rows.push({ name: `first ${name}`, cpu: figures[`first_${keyOf(name)}_cpu_us`] ?? 0 });
  // Once for what is kept from the first time, and what is compiled.
  await run();
  const times: number[] = [];
  const { now } = server.memory();
  server.resetPeak();
  const spent = meter(server);
  for (let i = 0; i < runs; i++) {
    const start = performance.now();
    await run();
    times.push(performance.now() - start);
  }
  const { own, store } = spent();
  const mebibytes = (server.memory().peak - now) / mebibyte;
  const key = keyOf(name);
  figures[`${key}_cpu_us`] = own / runs;
  figures[`${key}_extra_mib`] = mebibytes;
  rows.push({
    name,
    cpu: own / runs,
    store: store / runs,
    perSecond: 1_000 / median(times),
    p99Ms: percentile(times, 0.99),
    mebibytes,
  });
}

/** All there is as events, up to the bookmark that says so. */
async function wholeState(session: Session, accept: string): Promise<void> {
  const query = 'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
  const { promise, resolve } = Promise.withResolvers<'whole'>();
  let tail = Buffer.alloc(0);
  const watch = await session.watch(
    `${pods}?${query}`,
    (chunk) => {
      const seen = Buffer.concat([tail, chunk]);
      if (seen.includes(stateEnd)) resolve('whole');
      tail = Buffer.from(seen.subarray(-stateEnd.length));
    },
    accept,
  );
  const how = await Promise.race([promise, watch.ended]);
  watch.close();
  if (how !== 'whole') throw new Error('a watch ended before all there is had come');
}

async function measureState(bench: Bench, form: string, accept: string): Promise<void> {
  const { server, rows, figures } = bench;
  const session = anySession(bench);
  await wholeState(session, accept);
  const spent = meter(server);
  const start = performance.now();
  for (let i = 0; i < longRuns; i++) await wholeState(session, accept);
  const perSecond = (longRuns * 1_000) / (performance.now() - start);
  const { own, store } = spent();
  figures[`state_${keyOf(form)}_cpu_us`] = own / longRuns;
  rows.push({ name: `state as events, ${form}`, cpu: own / longRuns, store: store / longRuns, perSecond });
}

/** What the server holds more while clients ask and take nothing. */
async function untaken({ server, rows, figures }: Bench, form: string, call: Call): Promise<void> {
  const sessions = await server.connections(readers);
  try {
    const { now } = server.memory();
    server.resetPeak();
    const spent = meter(server);
    // Answers that are not read, and maybe never begun.
    for (const session of sessions) session.request(call).catch(() => undefined);
    await pause(madeWithinMs);
    const name = `${readers} take nothing, ${form}`;
    const mebibytes = (server.memory().peak - now) / mebibyte;
    figures[`untaken_${keyOf(form)}_mib`] = mebibytes;
    rows.push({ name, cpu: spent().own / readers, mebibytes });
  } finally {
    for (const session of sessions) session.destroy();
  }
}

async function listForms(bench: Bench): Promise<void> {
  await checkPods(anySession(bench));
  for (const [form, how] of Object.entries(forms)) {
    await measure(bench, `long, ${form}`, longRuns, { method: 'GET', path: pods, ...how });
    await measure(bench, `short, ${form}`, shortRuns, { method: 'GET', path: `${pods}?limit=10`, ...how });
  }
  await measureState(bench, 'JSON', 'application/json');
  await measureState(bench, 'protobuf', `${protobuf};stream=watch`);
  await measureState(
    bench,
    'metadata, protobuf',
    `${protobuf};stream=watch;as=PartialObjectMetadata;${meta}`,
  );
  for (const [form, how] of Object.entries(forms)) {
    await untaken(bench, form, { method: 'GET', path: pods, ...how });
    await pause(500);
  }
}

export const listFormsRow: Row = { needsPods: true, run: listForms };
