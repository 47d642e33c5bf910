/**
 * Drives unary gRPC calls at one endpoint with Debian's h2load and returns rate and latency, after proving that every
 * call was answered: h2load sees only the HTTP status, which gRPC sets to 200 for failures too.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mustRun } from '../../test/acceptance/command.ts';
import { percentile } from '../benchmark.ts';
import type { Call } from './calls.ts';

export interface LoadOptions {
  readonly endpoint: string;
  readonly call: Call;
  readonly requests: number;
  readonly inFlight: number;
  /** Where the request's body and the log of latencies may be put. */
  readonly directory: string;
  /** Flow control windows of 2^N - 1 bytes, for large answers. */
  readonly windowBits?: number;
}

export interface LoadResult {
  readonly perSecond: number;
  readonly p50Ms: number;
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
    ...(options.windowBits === undefined
      ? []
      : [`--window-bits=${options.windowBits}`, `--connection-window-bits=${options.windowBits}`]),
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
    p50Ms: percentile(micros, 0.5) / 1000,
    p99Ms: percentile(micros, 0.99) / 1000,
    answerBytes: number(/\((\d+)\) data/),
  };
}
