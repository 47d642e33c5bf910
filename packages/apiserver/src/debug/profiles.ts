/**
 * Profiles of this process for its administrator, in the form that Node and Chromium's developer tools read: of CPU, of
 * allocations, and a snapshot of the heap. One at a time, each bounded, and ended when the client goes.
 */
import { Session } from 'node:inspector/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { getHeapSnapshot } from 'node:v8';
import { StatusError, tooManyRequests } from '@timonier/api/statuses';
import type { Exchange } from '../http/exchange.ts';
import { bad } from '../pipeline/query.ts';

const defaultSeconds = 30;
const maxSeconds = 120;
const json = 'application/json';

const index = `Profiles of this process, for the developer tools of Chromium:

profile?seconds=${defaultSeconds}  CPU for a time, as .cpuprofile
allocs?seconds=${defaultSeconds}   what was allocated meanwhile and is still there, as .heapprofile; gc=1 collects garbage first
heap                everything there is, as .heapsnapshot; the process stands still until it is made
`;

let isBusy = false;

/** Answers for a name below `/debug/pprof/`; false when there is none of that name. */
export async function answerProfile(exchange: Exchange, name: string): Promise<boolean> {
  if (name === '') {
    await exchange.send(200, 'text/plain; charset=utf-8', index);
    return true;
  }
  const make = Object.hasOwn(profiles, name) ? profiles[name] : undefined;
  if (make === undefined) return false;
  if (exchange.method === 'HEAD') {
    await exchange.send(200, json, '');
    return true;
  }
  if (isBusy) throw new StatusError(tooManyRequests('another profile of this process is being made', 5));
  isBusy = true;
  try {
    await make(exchange);
  } finally {
    isBusy = false;
  }
  return true;
}

const profiles: Readonly<Record<string, (exchange: Exchange) => Promise<void>>> = {
  profile: async (exchange) => {
    const milliseconds = duration(exchange);
    const text = await inspected(async (session) => {
      await session.post('Profiler.enable');
      await session.post('Profiler.start');
      await wait(milliseconds, exchange);
      return (await session.post('Profiler.stop')).profile;
    });
    await exchange.send(200, json, text, fileName('cpuprofile'));
  },
  allocs: async (exchange) => {
    const milliseconds = duration(exchange);
    const text = await inspected(async (session) => {
      await session.post('HeapProfiler.startSampling');
      await wait(milliseconds, exchange);
      if (exchange.query.get('gc') === '1') await session.post('HeapProfiler.collectGarbage');
      return (await session.post('HeapProfiler.stopSampling')).profile;
    });
    await exchange.send(200, json, text, fileName('heapprofile'));
  },
  heap: async (exchange) => {
    exchange.startStream(200, json, fileName('heapsnapshot'));
    for await (const chunk of getHeapSnapshot()) {
      if (exchange.signal.aborted) return;
      if (!exchange.response.write(chunk as Buffer)) await exchange.drained();
    }
    exchange.response.end();
  },
};

async function inspected(take: (session: Session) => Promise<object>): Promise<string> {
  const session = new Session();
  session.connect();
  try {
    return JSON.stringify(await take(session));
  } finally {
    session.disconnect();
  }
}

function duration({ query }: Exchange): number {
  const text = query.get('seconds') ?? String(defaultSeconds);
  const seconds = Number(text);
  if (!/^\d+$/.test(text) || seconds < 1 || seconds > maxSeconds)
    throw bad(
      `Invalid value: ${JSON.stringify(text.slice(0, 32))}: seconds must be between 1 and ${maxSeconds}`,
    );
  return seconds * 1_000;
}

/** As long as was asked for, or until the client has gone. */
async function wait(milliseconds: number, { signal }: Exchange): Promise<void> {
  await pause(milliseconds, undefined, { signal }).catch(() => undefined);
}

function fileName(extension: string): Record<string, string> {
  const name = `apiserver-${process.pid}.${extension}`;
  return { 'content-disposition': `attachment; filename="${name}"`, 'x-content-type-options': 'nosniff' };
}
