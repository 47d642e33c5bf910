/** Unary calls at one endpoint: puts, ranges and transactions, driven by h2load at the leader of each side in turn. */
import type { StoreMember } from '../../test/conformance/store/members.ts';
import { type Call, put, putIfThere, range, rangeOfPrefix } from './calls.ts';
import { fill, type Filling } from './fill.ts';
import { load } from './load.ts';
import { inTurn, type Row, type RowContext, type Sample } from './rows.ts';
import type { Side } from './side.ts';

const valueBytes = 256;
const value = Buffer.alloc(valueBytes, 'v');
const writtenKey = 'bench/written';
const readKey = 'bench/read';
const many: Filling = { prefix: 'many/', keys: 1_000, valueBytes };
/** How long a measured run should take; the number of requests follows from the last rate seen. */
const targetSeconds = 1.2;
/**
 * Requests before the first measured run, the same for both sides. With one in flight it takes thousands of them until
 * what V8 compiles for a put is compiled, while a program in Go comes compiled (decision 0261): what is compared are the
 * hours that users live in, not the first seconds.
 */
const warmUpRequests = { alone: 10_000, large: 300, together: 15_000 };

export interface Operation {
  readonly label: string;
  readonly call: Call;
  readonly inFlight: number;
  /** What is written is counted afterwards; of what is read, the bytes. */
  readonly kind: 'write' | 'read';
  readonly answerBytes: number;
  readonly windowBits?: number;
}

function write(label: string, call: Call, inFlight: number): Operation {
  return { label, call, inFlight, kind: 'write', answerBytes: 0 };
}

function read(label: string, call: Call, inFlight: number, answerBytes = valueBytes): Operation {
  return { label, call, inFlight, kind: 'read', answerBytes };
}

export const puts = [1, 100, 1000].map((n) => write(`put ${n}`, put(writtenKey, value), n));

/** How often the key was written since it was created. */
async function version(member: StoreMember, key: string): Promise<number> {
  const { stdout } = await member.etcdctl(['get', key, '-w', 'fields']);
  return Number(/"Version" : (\d+)/.exec(stdout)?.[1] ?? 0);
}

/** Runs one operation on one side and checks that every request did what it says. */
async function measure(
  side: Side,
  { label, call, inFlight, kind, answerBytes, windowBits }: Operation,
  requests: number,
  directory: string,
): Promise<Sample> {
  const leader = await side.leader();
  const before = kind === 'write' ? await version(leader, writtenKey) : 0;
  const cpuBefore = side.cpu();
  const result = await load({
    endpoint: leader.endpoint,
    call,
    requests,
    inFlight,
    directory,
    ...(windowBits === undefined ? {} : { windowBits }),
  });
  const cpu = side.cpu() - cpuBefore;
  const where = `${side.name}, ${label}`;
  if (kind === 'write') {
    const written = (await version(leader, writtenKey)) - before;
    if (written !== requests) throw new Error(`${where}: ${requests} writes answered, ${written} are there`);
  } else if (result.answerBytes / requests < answerBytes)
    throw new Error(`${where}: ${requests} reads gave ${result.answerBytes} bytes, which is too little`);
  const { perSecond, p50Ms, p99Ms } = result;
  return { value: perSecond, cpuMicros: cpu / requests, p50Ms, p99Ms };
}

/** Enough for a side to be warm, and for its rate to be known, which this returns. */
export async function warmUp(
  side: Side,
  operation: Operation,
  directory: string,
  share = 1,
): Promise<number> {
  const { inFlight, answerBytes } = operation;
  const requests =
    inFlight === 1
      ? warmUpRequests.alone
      : answerBytes > 10_000
        ? warmUpRequests.large
        : warmUpRequests.together;
  const sample = await measure(side, operation, wholeTurns(requests * share, inFlight), directory);
  return sample.value;
}

/** So that none of the connections runs dry much earlier than the others. */
function wholeTurns(requests: number, inFlight: number): number {
  return Math.max(3, Math.ceil(requests / inFlight)) * inFlight;
}

/**
 * Measures operations round after round, each on both sides before the next. `warm` is what is spent of the usual requests
 * before that, for sides that are warm already and slow.
 */
export async function compare(
  { runs, directory, record }: RowContext,
  sides: readonly [Side, Side],
  operations: readonly Operation[],
  { seconds = targetSeconds, warm = 1 } = {},
): Promise<void> {
  const rates = new Map<string, number>();
  for (const operation of operations)
    for (const side of sides)
      rates.set(side.name + operation.label, await warmUp(side, operation, directory, warm));
  for (let round = 0; round < runs; round++)
    for (const operation of operations)
      for (const side of inTurn(sides, round)) {
        const rate = rates.get(side.name + operation.label) ?? 0;
        const sample = await measure(
          side,
          operation,
          wholeTurns(rate * seconds, operation.inFlight),
          directory,
        );
        rates.set(side.name + operation.label, sample.value);
        record(side.name, operation.label, '/s', sample);
      }
}

async function prepared(context: RowContext, filling: Filling): Promise<readonly [Side, Side]> {
  const sides = await context.groups();
  for (const side of sides) await fill((await side.leader()).address, filling);
  return sides;
}

const one: Filling = { prefix: 'bench/', keys: 1, valueBytes, name: () => 'read' };

export const unaryRows: readonly Row[] = [
  {
    name: 'put',
    summary: 'puts of 256 bytes, 1, 100 and 1,000 in flight',
    run: async (context) => compare(context, await context.groups(), puts),
  },
  {
    name: 'range',
    summary: 'ranges of one key, linearizable with 1, 100 and 1,000 in flight, serializable with 1,000',
    run: async (context) =>
      compare(context, await prepared(context, one), [
        ...[1, 100, 1000].map((n) => read(`linearizable range ${n}`, range(readKey, false), n)),
        read('serializable range 1000', range(readKey, true), 1000),
      ]),
  },
  {
    name: 'range-1000-keys',
    summary: 'linearizable ranges of 1,000 keys with 256 bytes each, 10 in flight',
    run: async (context) =>
      compare(context, await prepared(context, many), [
        {
          ...read('range of 1,000 keys 10', rangeOfPrefix(many.prefix), 10, many.keys * valueBytes),
          windowBits: 24,
        },
      ]),
  },
  {
    name: 'txn',
    summary: 'transactions: a put if the key exists, 1 and 100 in flight',
    run: async (context) => {
      const sides = await context.groups();
      for (const side of sides) await (await side.leader()).etcdctl(['put', writtenKey, 'there']);
      await compare(
        context,
        sides,
        [1, 100].map((n) => write(`txn with compare ${n}`, putIfThere(writtenKey, value), n)),
      );
    },
  },
];
