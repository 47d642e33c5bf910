/**
 * A server that starts over a store with 100,000 objects: until it is ready, and what it takes of memory. The objects are
 * copies of a pod that the server itself has made, written straight into the store.
 */
import { StoreClient } from '../../packages/apiserver/src/storage/store-client.ts';
import { createPod } from './calls.ts';
import { load } from './client.ts';
import { anySession, type Bench, type Row } from './row.ts';

const objects = 100_000;
const perTransaction = 100;
const transactionsInFlight = 8;
const mebibyte = 1024 * 1024;
const model = 'model-0';

async function fill(endpoint: string): Promise<void> {
  const store = new StoreClient({ endpoints: [endpoint], timeoutMs: 60_000 });
  try {
    const { kvs } = await store.range({ key: `/registry/pods/default/${model}` });
    const text = kvs[0]?.value.toString();
    if (text === undefined) throw new Error('the model of the objects is not in the store');
    let next = 0;
    const writer = async (): Promise<void> => {
      while (next < objects) {
        const first = next;
        next += perTransaction;
        const puts = Array.from({ length: perTransaction }, (_unused, i) => {
          const number = String(first + i).padStart(6, '0');
          const value = text
            .replaceAll(`"${model}"`, `"filled-${number}"`)
            .replace(/"uid":"[^"]*"/, `"uid":"00000000-0000-4000-8000-000000${number}"`);
          return { requestPut: { key: `/registry/pods/filled/filled-${number}`, value } };
        });
        await store.txn([], puts, []);
      }
    };
    await Promise.all(Array.from({ length: transactionsInFlight }, writer));
  } finally {
    store.close();
  }
}

async function startUp(bench: Bench): Promise<void> {
  const { server, rows, figures } = bench;
  await load([anySession(bench)], 1, 1, (index) => createPod(index, 'model'));
  await fill(server.storeEndpoint);
  for (const session of bench.sessions) session.destroy();
  const { milliseconds, cpu } = await server.restart();
  const { now } = server.memory();
  rows.push([`start with ${objects} objects`, Math.round(cpu), '', '', milliseconds, now / mebibyte]);
  figures['start_ms'] = milliseconds;
  figures['start_cpu_ms'] = cpu / 1_000;
  figures['start_resident_mib'] = now / mebibyte;
}

/** Ends the connections of the benchmark: it comes last. */
export const startUpRow: Row = { needsPods: false, run: startUp };
