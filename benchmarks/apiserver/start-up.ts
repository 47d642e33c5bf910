/**
 * A server that starts over a store with 100,000 objects: until it is ready, and what it takes of memory. The objects are
 * copies of a pod that the server itself has made, written straight into the store, in whatever form it stores them: what
 * differs between two copies has the same length, so that no length written beside it changes.
 */
import { StoreClient } from '../../packages/apiserver/src/storage/store-client.ts';
import { createPod, pods } from './calls.ts';
import { succeed } from './client.ts';
import { anySession, type Bench, type Row } from './row.ts';

const objects = 100_000;
const perTransaction = 100;
const transactionsInFlight = 8;
const mebibyte = 1024 * 1024;
const model = 'filled-model-';
const digits = 6;
const modelName = `${model}${'x'.repeat(digits)}`;
const folder = '/registry/pods/default/';

function replaced(value: Buffer, from: string, to: string): Buffer {
  if (from.length !== to.length) throw new Error(`"${to}" is not as long as "${from}"`);
  const text = value.toString('latin1');
  if (!text.includes(from)) throw new Error(`the model of the objects does not hold "${from}"`);
  return Buffer.from(text.replaceAll(from, to), 'latin1');
}

async function fill(endpoint: string, uid: string): Promise<void> {
  const store = new StoreClient({ endpoints: [endpoint], timeoutMs: 60_000 });
  try {
    const { kvs } = await store.range({ key: `${folder}${modelName}` });
    const value = kvs[0]?.value;
    if (value === undefined) throw new Error('the model of the objects is not in the store');
    let next = 0;
    const writer = async (): Promise<void> => {
      while (next < objects) {
        const first = next;
        next += perTransaction;
        const puts = Array.from({ length: perTransaction }, (_unused, i) => {
          const number = String(first + i).padStart(digits, '0');
          const name = `${model}${number}`;
          const copy = replaced(
            replaced(value, modelName, name),
            uid,
            `00000000-0000-4000-8000-000000${number}`,
          );
          return { requestPut: { key: `${folder}${name}`, value: copy } };
        });
        await store.txn([], puts, []);
      }
    };
    await Promise.all(Array.from({ length: transactionsInFlight }, writer));
  } finally {
    store.close();
  }
}

/** The name must not be generated: it is what the copies replace. */
async function makeModel(bench: Bench): Promise<string> {
  const session = anySession(bench);
  const { path, body = '', ...call } = createPod(0);
  await succeed(session, { ...call, path, body: body.replace('"pod-0"', `"${modelName}"`) });
  const { text } = await succeed(session, { method: 'GET', path: `${pods}/${modelName}` }, true);
  return (JSON.parse(text) as { metadata: { uid: string } }).metadata.uid;
}

async function startUp(bench: Bench): Promise<void> {
  const { server, rows, figures } = bench;
  await fill(server.storeEndpoint, await makeModel(bench));
  for (const session of bench.sessions) session.destroy();
  const { milliseconds, cpu } = await server.restart();
  const { now } = server.memory();
  rows.push({
    name: `start with ${objects} objects`,
    cpu,
    p99Ms: milliseconds,
    mebibytes: now / mebibyte,
  });
  figures['start_ms'] = milliseconds;
  figures['start_cpu_ms'] = cpu / 1_000;
  figures['start_resident_mib'] = now / mebibyte;
}

/** Ends the connections of the benchmark: it comes last. */
export const startUpRow: Row = { needsPods: false, run: startUp };
