/**
 * Drives unary gRPC calls at one endpoint with Debian's h2load and returns rate and latency, after proving that every
 * call was answered: h2load sees only the HTTP status, which gRPC sets to 200 for failures too.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mustRun } from '../../test/acceptance/command.ts';
import { percentile } from '../benchmark.ts';

export interface Call {
  /** `/package.Service/Method`. */
  readonly path: string;
  /** The request message in protobuf. */
  readonly message: Buffer;
}

export interface LoadOptions {
  readonly endpoint: string;
  readonly call: Call;
  readonly requests: number;
  readonly inFlight: number;
  /** Where the request's body and the log of latencies may be put. */
  readonly directory: string;
}

export interface LoadResult {
  readonly perSecond: number;
  readonly p99Ms: number;
  /** Bytes of all answers, each with the five bytes of gRPC's prefix. */
  readonly answerBytes: number;
}

/** At most so many calls share a connection; the same for both sides. */
const perConnection = 10;

/** Throws when any request was not answered over HTTP. */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const { endpoint, call, requests, inFlight, directory } = options;
  const body = join(directory, 'request.bin');
  const log = join(directory, 'latencies.log');
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(call.message.length, 1);
  await writeFile(body, Buffer.concat([prefix, call.message]));
  // h2load appends.
  await writeFile(log, '');
  const streams = Math.min(inFlight, perConnection);
  const output = await mustRun('h2load', [
    `--requests=${requests}`,
    `--clients=${inFlight / streams}`,
    `--max-concurrent-streams=${streams}`,
    `--data=${body}`,
    `--log-file=${log}`,
    '--header=content-type: application/grpc',
    '--header=te: trailers',
    endpoint + call.path,
  ]);
  const number = (pattern: RegExp): number => {
    const [, text] = pattern.exec(output) ?? [];
    if (text === undefined) throw new Error(`h2load did not print ${String(pattern)}:\n${output}`);
    return Number(text);
  };
  const succeeded = number(/(\d+) succeeded, 0 failed, 0 errored, 0 timeout/);
  if (succeeded !== requests) throw new Error(`${succeeded} of ${requests} calls succeeded:\n${output}`);
  const micros = (await readFile(log, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => Number(line.split('\t')[2]));
  return {
    perSecond: number(/, ([\d.]+) req\/s,/),
    p99Ms: percentile(micros, 0.99) / 1000,
    answerBytes: number(/\((\d+)\) data/),
  };
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

function bytesField(field: number, value: Buffer): Buffer {
  return Buffer.concat([varint(field * 8 + 2), varint(value.length), value]);
}

export function put(key: string, value: Buffer): Call {
  return {
    path: '/etcdserverpb.KV/Put',
    message: Buffer.concat([bytesField(1, Buffer.from(key)), bytesField(2, value)]),
  };
}

/** One key. A serializable range is answered from the member's own state, whatever the others know. */
export function range(key: string, serializable: boolean): Call {
  const flag = serializable ? [varint(7 * 8), varint(1)] : [];
  return {
    path: '/etcdserverpb.KV/Range',
    message: Buffer.concat([bytesField(1, Buffer.from(key)), ...flag]),
  };
}
