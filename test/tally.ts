/** What a run of many checks prints and counts: a line each, `ok - NAME (3.1 s)` or `not ok - NAME: why (3.1 s)`. */
export class Tally {
  #passed = 0;
  #failed = 0;

  get hasFailed(): boolean {
    return this.#failed > 0;
  }

  get summary(): string {
    return `${this.#passed} passed, ${this.#failed} failed`;
  }

  /** `body` may give a note for the line. What it throws is told and counted, its further lines below the first. */
  async check(name: string, body: () => Promise<string | void>): Promise<void> {
    const start = Date.now();
    const seconds = (): string => `${((Date.now() - start) / 1000).toFixed(1)} s`;
    try {
      const note = await body();
      this.#passed++;
      console.log(`ok - ${name} (${note === undefined ? '' : `${note}; `}${seconds()})`);
    } catch (error) {
      this.fail(`${name}: ${messageOf(error).replace(/$/m, ` (${seconds()})`)}`);
    }
  }

  /** Something else went wrong than a check. */
  fail(what: string): void {
    this.#failed++;
    console.log(`not ok - ${what.replaceAll('\n', '\n    ')}`);
  }
}

export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Some, such as those that only gather others, have no message of their own.
  return error.message === '' ? `${String(error)} ${String(error.cause ?? '')}` : error.message;
}

/** Runs what takes away again what was made, the last first, and says which of it failed. */
export async function takeAway(closers: readonly (() => unknown)[]): Promise<void> {
  for (const close of closers.toReversed()) {
    try {
      await close();
    } catch (error) {
      console.log(`# clean-up: ${messageOf(error)}`);
    }
  }
}
