/**
 * What slow changes waited for (`--explain`): probes in the server, the store and the load itself write down what each does instead of
 * answering, and afterwards every change that was slow is laid over it.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Change, episodes, type Event, milliseconds, probeOf, sentence } from './events.ts';

/** Slower than this is told. */
const slowMs = 50;
/** Lines for people, of those that held up most. */
const mostEpisodes = 30;

export class Explanation {
  readonly #folder = mkdtempSync(join(tmpdir(), 'timonier-bench-explain-'));
  readonly #file = join(this.#folder, 'events');
  /** What is told under the table. */
  readonly notes: string[] = [];

  constructor() {
    // Where nothing took long nobody writes to it.
    writeFileSync(this.#file, '');
  }

  /** Arguments for Node that load a probe. */
  probe(who: string): readonly string[] {
    return ['--import', probeOf(this.#file, who)];
  }

  /** Watches this process, too. */
  async watchItself(): Promise<void> {
    await import(probeOf(this.#file, 'the load'));
  }

  /** To be called before what is to be explained. What is returned takes the changes, by `performance.now()`, and tells of them. */
  begin(pid: number): (changes: readonly Change[]) => void {
    const start = milliseconds();
    const before = mainThread(pid);
    return (changes) => {
      const ms = milliseconds() - start;
      const after = mainThread(pid);
      const share = (part: 'ran' | 'waited'): number => Math.round((100 * (after[part] - before[part])) / ms);
      const offset = milliseconds() - performance.now();
      const shifted = changes.map(({ due, sent, answered }) => ({
        due: due + offset,
        sent: sent + offset,
        answered: answered + offset,
      }));
      const found = episodes(shifted, this.#events(), slowMs);
      const worst = [...found].sort((a, b) => b.changes - a.changes).slice(0, mostEpisodes);
      this.notes.push(
        `the API server's main thread ran for ${share('ran')} % of the time, and waited for a processor for ${share('waited')} %`,
        `${found.reduce((sum, { changes: count }) => sum + count, 0)} of ${changes.length} changes took more than ${slowMs} ms, in ${found.length} episodes`,
        ...worst.sort((a, b) => a.from - b.from).map((episode) => sentence(episode, start)),
      );
    };
  }

  #events(): Event[] {
    return readFileSync(this.#file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Event);
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Milliseconds for which a process's first thread had a processor, and for which it waited for one. */
function mainThread(pid: number): { readonly ran: number; readonly waited: number } {
  const [ran, waited] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ').map(Number);
  if (ran === undefined || waited === undefined) throw new Error('the kernel does not say how threads run');
  return { ran: ran / 1e6, waited: waited / 1e6 };
}
