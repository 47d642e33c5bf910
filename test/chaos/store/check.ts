/**
 * Whether a recorded history is linearizable, given the store's own order of revisions.
 *
 * No search is needed: an answer names the revision it took place at, so every operation has its place in the order,
 * and what remains is to replay that order on a naive model and to hold it against real time. Only attempts whose
 * outcome is unknown are looked for; they are found by their unique values, or, for deletions, matched to the events
 * that nobody else explains.
 *
 *   order     a write took place after everything that was seen before it began; a read saw at least as much
 *   answers   what was answered is what the model says at that revision
 *   origin    every event was asked for, by one attempt, which takes place at most once, and never when refused
 */
import type { Attempt, Change, KeyState, Request, Violation } from './history.ts';
import type { Revisions } from './revisions.ts';

const maxViolations = 100;

export interface Verdict {
  readonly violations: readonly Violation[];
  /** Attempts that were checked, by how they ended. */
  readonly done: number;
  readonly unknown: number;
  /** Unknown ones that turned out to have happened. */
  readonly happened: number;
}

export function check(revisions: Revisions, attempts: readonly Attempt[]): Verdict {
  return new Check(revisions, attempts).run();
}

function isWrite({ request, outcome }: Attempt): boolean {
  if (request.type === 'get') return false;
  if (outcome.type !== 'done') return true;
  if (request.type === 'swap') return outcome.succeeded;
  return request.type !== 'delete' || outcome.found.length > 0;
}

class Check {
  readonly #revisions: Revisions;
  readonly #attempts: readonly Attempt[];
  readonly #violations: Violation[] = [];
  readonly #model = new Map<string, KeyState>();
  readonly #writes = new Map<number, Attempt>();
  readonly #reads = new Map<number, Attempt[]>();
  /** Attempts without an answer, by the value they write. */
  readonly #open = new Map<string, Attempt>();
  readonly #openDeletes = new Map<string, Attempt[]>();
  #happened = 0;

  constructor(revisions: Revisions, attempts: readonly Attempt[]) {
    this.#revisions = revisions;
    this.#attempts = attempts;
  }

  run(): Verdict {
    for (const attempt of this.#attempts) this.#place(attempt);
    const { first, last } = this.#revisions;
    this.#judgeReads(first - 1);
    for (let revision = first; revision <= last; revision++) {
      this.#judgeRevision(revision);
      this.#judgeReads(revision);
    }
    for (const [revision, write] of this.#writes)
      if (revision > last || revision < first)
        this.#violated(write, `took place at ${revision}, but no watch told of that revision`);
    for (const [revision, reads] of this.#reads)
      for (const read of reads)
        if (revision > last) this.#violated(read, `saw revision ${revision}, but the last is ${last}`);
    return {
      violations: this.#violations,
      done: this.#attempts.filter(({ outcome }) => outcome.type === 'done').length,
      unknown: this.#attempts.filter(({ outcome }) => outcome.type === 'unknown').length,
      happened: this.#happened,
    };
  }

  #place(attempt: Attempt): void {
    const { request, outcome, floor } = attempt;
    if (outcome.type !== 'done') {
      if (request.type === 'delete') {
        const list = this.#openDeletes.get(request.key) ?? [];
        this.#openDeletes.set(request.key, list);
        if (outcome.type === 'unknown') list.push(attempt);
      } else if (request.type !== 'get') this.#open.set(request.value, attempt);
      return;
    }
    const { revision } = outcome;
    if (isWrite(attempt)) {
      if (revision <= floor)
        this.#violated(attempt, `took place at ${revision}, after ${floor} had been seen`);
      const other = this.#writes.get(revision);
      if (other !== undefined)
        this.#violated(attempt, `took place at ${revision}, like ${describe(other.request)}`);
      this.#writes.set(revision, attempt);
    } else {
      const stale = request.type === 'get' && request.serializable;
      if (revision < floor && !stale)
        this.#violated(attempt, `saw revision ${revision}, after ${floor} had been seen`);
      const list = this.#reads.get(revision) ?? [];
      this.#reads.set(revision, list);
      list.push(attempt);
    }
  }

  #judgeRevision(revision: number): void {
    const changes = this.#revisions.at(revision);
    if (changes === undefined) return;
    const attempt = this.#writes.get(revision) ?? this.#originOf(revision, changes[0]);
    if (attempt === undefined) {
      this.#violations.push({
        rule: 'linearizability',
        text: `nobody asked for revision ${revision}: ${JSON.stringify(changes)}`,
      });
    } else this.#judgeWrite(revision, attempt);
    const expected = attempt === undefined ? undefined : this.#effect(attempt.request, revision);
    if (attempt !== undefined && JSON.stringify(expected) !== JSON.stringify(changes))
      this.#violated(
        attempt,
        `made ${JSON.stringify(changes)} of revision ${revision}, and should have made ${JSON.stringify(expected)}`,
      );
    for (const change of changes)
      if (change.type === 'put') this.#model.set(change.state.key, change.state);
      else this.#model.delete(change.key);
  }

  /** The attempt of unknown outcome that explains a revision. */
  #originOf(revision: number, change: Change | undefined): Attempt | undefined {
    if (change === undefined) return undefined;
    if (change.type === 'delete') {
      const list = this.#openDeletes.get(change.key) ?? [];
      const at = list.findIndex(({ floor }) => floor < revision);
      if (at < 0) return undefined;
      this.#happened++;
      return list.splice(at, 1)[0];
    }
    const attempt = this.#open.get(change.state.value);
    if (attempt === undefined) return undefined;
    this.#open.delete(change.state.value);
    this.#happened++;
    if (attempt.outcome.type === 'refused')
      this.#violated(attempt, `took place at ${revision}, although it was refused: ${attempt.outcome.error}`);
    if (attempt.floor >= revision)
      this.#violated(attempt, `took place at ${revision}, after ${attempt.floor} had been seen`);
    return attempt;
  }

  /** The changes that a write makes of the model. */
  #effect(request: Request, revision: number): object[] {
    const put = (key: string, value: string): object => {
      const before = this.#model.get(key);
      const state = {
        key,
        value,
        create: before?.create ?? revision,
        mod: revision,
        version: (before?.version ?? 0) + 1,
      };
      return { type: 'put', state };
    };
    if (request.type === 'put' || request.type === 'swap') return [put(request.key, request.value)];
    if (request.type === 'pair') return request.keys.map((key) => put(key, request.value));
    if (request.type === 'delete') return [{ type: 'delete', key: request.key }];
    return [];
  }

  #judgeWrite(revision: number, attempt: Attempt): void {
    const { request, outcome } = attempt;
    if (request.type === 'swap') {
      const mod = this.#model.get(request.key)?.mod ?? 0;
      if (mod !== request.expected)
        this.#violated(attempt, `took place at ${revision}, although the key was last changed at ${mod}`);
    }
    if (outcome.type !== 'done') return;
    if (request.type === 'put' || request.type === 'delete')
      this.#compare(attempt, revision, outcome.found, [this.#model.get(request.key)]);
  }

  #judgeReads(revision: number): void {
    for (const read of this.#reads.get(revision) ?? []) {
      const { request, outcome } = read;
      if (outcome.type !== 'done') continue;
      if (request.type === 'swap') {
        const state = this.#model.get(request.key);
        if ((state?.mod ?? 0) === request.expected)
          this.#violated(read, `failed at revision ${revision}, although its comparison held`);
        this.#compare(read, revision, outcome.found, [state]);
      } else if (request.type === 'get' && request.prefix) {
        const states = [...this.#model.values()].filter(({ key }) => key.startsWith(request.key));
        this.#compare(
          read,
          revision,
          outcome.found,
          states.toSorted((a, b) => (a.key < b.key ? -1 : 1)),
        );
      } else if (request.type === 'get' || request.type === 'delete')
        this.#compare(read, revision, outcome.found, [this.#model.get(request.key)]);
    }
  }

  #compare(
    attempt: Attempt,
    revision: number,
    found: readonly KeyState[],
    expected: readonly (KeyState | undefined)[],
  ): void {
    const there = expected.filter((state) => state !== undefined);
    if (JSON.stringify(found) !== JSON.stringify(there))
      this.#violated(
        attempt,
        `found ${JSON.stringify(found)} at revision ${revision}, where ${JSON.stringify(there)} was`,
      );
  }

  #violated({ client, member, begin, end, request }: Attempt, what: string): void {
    if (this.#violations.length >= maxViolations) return;
    const when = `${begin.toFixed(0)}–${end.toFixed(0)} ms`;
    this.#violations.push({
      rule: 'linearizability',
      text: `${describe(request)} by ${client} at ${member} (${when}) ${what}`,
    });
  }
}

function describe(request: Request): string {
  return JSON.stringify(request);
}
