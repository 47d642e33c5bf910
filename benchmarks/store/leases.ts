/** Ten thousand leases, kept alive over ten streams: what a renewal costs, and that none of them is lost meanwhile. */
import { createClient, loadService } from '@timonier/grpc';
import { keepAlive } from './calls.ts';
import { countField, RawStream } from './raw-stream.ts';
import { inTurn, type Row, type Sample } from './rows.ts';
import type { Side } from './side.ts';

type Shape = {
  leaseGrant: { request: object; response: { ID: number; TTL: number } };
  leaseLeases: { request: object; response: { leases: readonly object[] } };
};
const lease = loadService<Shape>('etcd/rpc.proto', 'etcdserverpb.Lease');

const leases = 10_000;
const streams = 10;
const outstanding = 50;
/** How often each is renewed in a sample. */
const renewals = 5;
const ttlSeconds = 120;
const ttlField = 3;
const deadlineMs = 60_000;

async function grant(side: Side): Promise<void> {
  const client = createClient(lease, (await side.leader()).address, { timeoutMs: 30_000 });
  try {
    let next = 1;
    const worker = async (): Promise<void> => {
      while (next <= leases) await client.unary('leaseGrant', { ID: next++, TTL: ttlSeconds });
    };
    await Promise.all(Array.from({ length: 200 }, worker));
  } finally {
    client.close();
  }
}

async function count(side: Side): Promise<number> {
  const client = createClient(lease, (await side.leader()).address, { timeoutMs: 30_000 });
  try {
    return (await client.unary('leaseLeases', {})).leases.length;
  } finally {
    client.close();
  }
}

async function renewAll(side: Side): Promise<Sample> {
  const leader = await side.leader();
  const open: RawStream[] = [];
  const cpuBefore = side.cpu();
  const begin = performance.now();
  try {
    await Promise.all(
      Array.from(
        { length: streams },
        async (_unused, n) =>
          new Promise<void>((resolve, reject) => {
            const own = Array.from({ length: leases / streams }, (_lease, i) => 1 + n + i * streams);
            const total = own.length * renewals;
            let sent = 0;
            let answered = 0;
            const timer = setTimeout(
              () => reject(new Error(`${side.name}: ${answered} of ${total} renewals were answered`)),
              deadlineMs,
            );
            const stream = new RawStream(
              leader.endpoint,
              keepAlive(0).path,
              (bytes, start, end) => {
                if (countField(bytes, start, end, ttlField) !== 1) {
                  clearTimeout(timer);
                  reject(new Error(`${side.name}: a lease is gone`));
                }
                answered++;
                if (answered === total) {
                  clearTimeout(timer);
                  resolve();
                } else if (sent - answered <= outstanding / 2) more();
              },
              reject,
            );
            const more = (): void => {
              const messages: Buffer[] = [];
              for (; sent < total && sent - answered < outstanding; sent++)
                messages.push(keepAlive(own[sent % own.length] ?? 0).message);
              if (messages.length > 0) stream.send(messages);
            };
            open.push(stream);
            more();
          }),
      ),
    );
  } finally {
    for (const stream of open) stream.close();
  }
  const seconds = (performance.now() - begin) / 1000;
  const requests = leases * renewals;
  return { value: requests / seconds, cpuMicros: (side.cpu() - cpuBefore) / requests };
}

export const leasesRow: Row = {
  name: 'leases',
  summary: '10,000 leases kept alive over ten streams',
  run: async ({ groups, runs, record }) => {
    const sides = await groups();
    for (const side of sides) await grant(side);
    for (const side of sides) await renewAll(side);
    for (let round = 0; round < runs; round++)
      for (const side of inTurn(sides, round))
        record(side.name, 'renewals of 10,000 leases', '/s', await renewAll(side));
    for (const side of sides) {
      const left = await count(side);
      if (left !== leases) throw new Error(`${side.name}: ${left} of ${leases} leases are left`);
    }
  },
};
