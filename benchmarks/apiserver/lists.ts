/** Lists of 10,000 pods, with the peak of resident memory above that before. */
import { median } from '../benchmark.ts';
import { podCount, pods } from './calls.ts';
import { send } from './client.ts';
import { anySession, type Bench, meter, type Row } from './row.ts';
import type { Session } from './session.ts';

/** Those that take little CPU are made more often: it is counted in steps of 10 ms. */
const fewRuns = 4;
const manyRuns = 20;
const mebibyte = 1024 * 1024;

async function paged(session: Session): Promise<void> {
  let token = '';
  do {
    const path = `${pods}?limit=500&continue=${token}`;
    const { status, text } = await send(session, { method: 'GET', path }, true);
    if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
    token = /"continue":"([^"]+)"/.exec(text.slice(0, 2_000))?.[1] ?? '';
  } while (token !== '');
}

/** What these rows are about: without a check others' pods were once among them. */
export async function checkPods(session: Session): Promise<void> {
  const { status, text } = await send(session, { method: 'GET', path: `${pods}?limit=1` }, true);
  const left = /"remainingItemCount":(\d+)/.exec(text)?.[1];
  if (status !== 200 || Number(left) !== podCount - 1)
    throw new Error(`one pod and ${podCount - 1} more were to be listed, not ${left}: ${status}`);
}

async function lists(bench: Bench): Promise<void> {
  const { server, rows, figures } = bench;
  const session = anySession(bench);
  await checkPods(session);
  const one = (query: string) => async (): Promise<void> => {
    const { status, text } = await send(session, { method: 'GET', path: `${pods}${query}` });
    if (status !== 200) throw new Error(`${query}: ${status} ${text}`);
  };
  const all: readonly (readonly [string, number, () => Promise<void>])[] = [
    ['list all', fewRuns, one('')],
    ['list paged', fewRuns, () => paged(session)],
    ['list by label', manyRuns, one('?labelSelector=app%3Dapp-7')],
    ['list by node', manyRuns, one('?fieldSelector=spec.nodeName%3Dnode-7')],
  ];
  for (const [name, runs, run] of all) {
    const times: number[] = [];
    const extra: number[] = [];
    const spent = meter(server);
    for (let i = 0; i < runs; i++) {
      const { now } = server.memory();
      server.resetPeak();
      const start = performance.now();
      await run();
      times.push(performance.now() - start);
      extra.push((server.memory().peak - now) / mebibyte);
    }
    const { own, store } = spent();
    const took = median(times);
    const key = name.replaceAll(' ', '_');
    figures[`${key}_cpu_us`] = own / runs;
    figures[`${key}_ms`] = took;
    figures[`${key}_extra_mib`] = Math.max(...extra);
    rows.push({
      name,
      cpu: own / runs,
      store: store / runs,
      perSecond: 1_000 / took,
      p99Ms: Math.max(...times),
      mebibytes: Math.max(...extra),
    });
  }
}

export const listRow: Row = { needsPods: true, run: lists };
