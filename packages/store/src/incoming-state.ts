/**
 * The state that is being received beside the current one, until it takes its place: one at a time, of which the one
 * that began last counts. One that is whole waits for the core's word, and nothing else is received meanwhile.
 */
import { etcdError } from './errors.ts';
import type { Levels } from './levels.ts';
import { StateBuilder } from './state-builder.ts';

/** Name of its database. */
export const incoming = 'state.incoming';

export class IncomingState {
  readonly #levels: Pick<Levels, 'open' | 'remove'>;
  #builder: StateBuilder | undefined;
  #isKept = false;

  constructor(levels: Pick<Levels, 'open' | 'remove'>) {
    this.#levels = levels;
  }

  /** Starts receiving; what is under way is given up. Rejects with an etcd error while a whole one waits. */
  async receive(): Promise<StateBuilder> {
    if (this.#isKept) throw etcdError.replacing();
    const before = this.#builder;
    const builder = new StateBuilder(() => this.#levels.open(incoming));
    this.#builder = builder;
    await before?.close();
    this.#levels.remove(incoming);
    return builder;
  }

  /** Ends what was being received and gives its room back. */
  async giveUp(builder: StateBuilder): Promise<void> {
    await builder.close();
    if (this.#builder !== builder) return;
    this.#builder = undefined;
    this.#levels.remove(incoming);
  }

  /** Keeps what this builder finished. Throws an etcd error when another one has taken its place since. */
  keep(builder: StateBuilder): void {
    if (this.#builder !== builder) throw etcdError.replacing();
    this.#builder = undefined;
    this.#isKept = true;
  }

  /** Drops what was kept. */
  drop(): void {
    this.#isKept = false;
    this.#levels.remove(incoming);
  }

  /** What was kept has taken the place of the state. */
  installed(): void {
    this.#isKept = false;
  }

  /** Ends what is being received; its rest is removed at the next start. */
  async close(): Promise<void> {
    await this.#builder?.close();
  }
}
