/**
 * Lists of 10,000 pods in every form that clients ask for, short ones beside them, and what the server holds while twenty clients
 * ask for a long one and take nothing of it.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { median, percentile } from '../benchmark.ts';
import { pods } from './calls.ts';
import { send } from './client.ts';
import { anySession, type Bench, meter, type Row } from './row.ts';
import type { Call } from './session.ts';

const longRuns = 5;
/** CPU is counted in steps of 10 ms. */
const shortRuns = 400;
const mebibyte = 1024 * 1024;
const readers = 20;
/** For as long the server makes what nobody takes. */
const madeWithinMs = 4_000;
const meta = 'v=v1;g=meta.k8s.io';
const protobuf = 'application/vnd.kubernetes.protobuf';

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

async function measure(bench: Bench, name: string, runs: number, call: Call): Promise<void> {
  const { server, rows, figures } = bench;
  const session = anySession(bench);
  const run = async (): Promise<number> => {
    const { status, text, bytes } = await send(session, call);
    if (status !== 200) throw new Error(`${name}: ${status} ${text}`);
    return bytes;
  };
  // Once for what is compiled, and once more for what is kept from the first time.
  await run();
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
  const key = name.replaceAll(/\W+/g, '_').toLowerCase();
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
    figures[`untaken_${form.replaceAll(/\W+/g, '_').toLowerCase()}_mib`] = mebibytes;
    rows.push({ name, cpu: spent().own / readers, mebibytes });
  } finally {
    for (const session of sessions) session.destroy();
  }
}

async function listForms(bench: Bench): Promise<void> {
  for (const [form, how] of Object.entries(forms)) {
    await measure(bench, `long, ${form}`, longRuns, { method: 'GET', path: pods, ...how });
    await measure(bench, `short, ${form}`, shortRuns, { method: 'GET', path: `${pods}?limit=10`, ...how });
  }
  for (const [form, how] of Object.entries(forms)) {
    await untaken(bench, form, { method: 'GET', path: pods, ...how });
    await pause(500);
  }
}

export const listFormsRow: Row = { needsPods: true, run: listForms };
