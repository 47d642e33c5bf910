/**
 * Switches for tests that prove the fence; nothing is switched on unless its environment variable is set.
 *
 * `TIMONIER_FAILPOINTS` names a control file. While one of its lines is `hold-commit:PREFIX`, fenced writes of users
 * whose name starts with PREFIX wait between reading and committing. `TIMONIER_MUTATION=no-fence` leaves the
 * comparison with the office out of every transaction, so that a test can show that it would notice.
 */
import { appendFile, readFile } from 'node:fs/promises';

const pollMs = 50;
/** A write is not held for ever: a forgotten control file must not wedge a server. */
const maxHoldMs = 300_000;
const maxHeld = 10_000;

export class Failpoints {
  readonly #file: string | undefined;
  readonly fenceDisabled: boolean;
  #held = 0;
  #sample: { at: number; prefixes: Promise<readonly string[]> } | undefined;

  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.#file = env['TIMONIER_FAILPOINTS'];
    this.fenceDisabled = env['TIMONIER_MUTATION'] === 'no-fence';
  }

  get enabled(): boolean {
    return this.#file !== undefined;
  }

  /** Writes that wait at this moment. */
  get held(): number {
    return this.#held;
  }

  /** Waits as long as the control file holds commits of `user`. */
  async beforeCommit(user: string): Promise<void> {
    if (this.#file === undefined || this.#held >= maxHeld) return;
    // Read anew: whoever wrote the file before sending the request expects that it is held.
    this.#sample = undefined;
    if (!(await this.#holds(user))) return;
    this.#held++;
    await appendFile(`${this.#file}.held`, `${user}\n`).catch(() => undefined);
    const deadline = Date.now() + maxHoldMs;
    try {
      while (Date.now() < deadline && (await this.#holds(user)))
        await new Promise((resolve) => setTimeout(resolve, pollMs));
    } finally {
      this.#held--;
    }
  }

  /** Many that wait share one look at the file. */
  async #holds(user: string): Promise<boolean> {
    const now = Date.now();
    if (this.#sample === undefined || now - this.#sample.at >= pollMs / 2)
      this.#sample = { at: now, prefixes: readPrefixes(this.#file ?? '') };
    return (await this.#sample.prefixes).some((prefix) => user.startsWith(prefix));
  }
}

async function readPrefixes(file: string): Promise<readonly string[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line.startsWith('hold-commit:'))
    .map((line) => line.slice('hold-commit:'.length).trim());
}
