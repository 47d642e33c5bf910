/**
 * What must hold in every group, checked after every step from what members append, commit and answer.
 *
 *   election safety      at most one leader a term
 *   log matching         an entry is determined by its index and term, and so is its predecessor
 *   leader completeness  a new leader holds every entry committed before
 *   state machine        members agree on what is committed where, and on the state it makes
 *   linearizability      operations in log order, against a naive register, never contradict real time
 *
 * The last works without search, because the log gives every operation its place: a write its index, a read the index
 * of the state it saw. Whatever completed before an operation began must have a lower or equal place.
 */
import assert from 'node:assert/strict';
import type { Effects, Entry } from '@timonier/raft';
import type { MemoryHost } from '@timonier/raft/memory-host';

const decoder = new TextDecoder();

export interface PendingRead {
  readonly host: MemoryHost;
  /** The highest place of anything completed before the read began. */
  readonly floor: number;
}

export class Checker {
  readonly #leaders = new Map<number, string>();
  /** `index/term` to term of the predecessor and data. */
  readonly #entries = new Map<string, { previous: number; entry: Entry }>();
  /** By index: what is committed there and the state after it. */
  readonly #committed: { term: number; value: string; digest: number | null }[] = [
    { term: 0, value: '', digest: null },
  ];
  /** By value written: the floor at the time the write began. Values are unique. */
  readonly #writes = new Map<string, number>();
  #floor = 0;
  commits = 0;
  reads = 0;
  elections = 0;

  get floor(): number {
    return this.#floor;
  }

  writeBegins(value: string): void {
    this.#writes.set(value, this.#floor);
  }

  /** The client of the write at `index` was told of its success. */
  writeCompletes(index: number): void {
    this.#floor = Math.max(this.#floor, index);
  }

  readCompletes(read: PendingRead): void {
    const { index, value } = read.host.state;
    assert.ok(
      index >= read.floor,
      `linearizability: a read on ${read.host.id} saw state ${index}, after ${read.floor} was complete`,
    );
    assert.equal(value, this.#committed[index]?.value, `linearizability: wrong value at ${index}`);
    this.#floor = Math.max(this.#floor, index);
    this.reads += 1;
  }

  /** Called with the effects of every step, when the host's log has taken them over. */
  observe(host: MemoryHost, effects: Effects): void {
    for (const entry of effects.append) this.#checkEntry(host, entry);
    if (effects.roleChange?.role === 'leader') this.#checkLeader(host, effects.roleChange.term);
    if (effects.commit !== undefined) this.#checkCommit(host, effects.commit);
  }

  #checkEntry(host: MemoryHost, entry: Entry): void {
    const key = `${entry.index}/${entry.term}`;
    const previous = host.log.term(entry.index - 1);
    const known = this.#entries.get(key);
    if (known === undefined) {
      this.#entries.set(key, { previous, entry });
      return;
    }
    assert.equal(known.previous, previous, `log matching: ${host.id} has another entry before ${key}`);
    assert.ok(
      known.entry.type === entry.type && Buffer.compare(known.entry.data, entry.data) === 0,
      `log matching: ${host.id} has another entry ${key}`,
    );
  }

  #checkLeader(host: MemoryHost, term: number): void {
    const known = this.#leaders.get(term);
    assert.ok(
      known === undefined || known === host.id,
      `election safety: ${known} and ${host.id} lead term ${term}`,
    );
    this.#leaders.set(term, host.id);
    this.elections += 1;
    const { log } = host;
    for (let index = log.firstIndex(); index < this.#committed.length; index += 1) {
      const committed = this.#committed[index]?.term ?? 0;
      if (committed >= term) continue;
      const held = index <= log.lastIndex() ? log.term(index) : null;
      assert.equal(
        held,
        committed,
        `leader completeness: ${host.id}, leader of ${term}, lacks ${index}/${committed}`,
      );
    }
  }

  #checkCommit(host: MemoryHost, commit: number): void {
    for (let index = host.log.firstIndex(); index <= commit; index += 1) {
      const term = host.log.term(index);
      const known = this.#committed[index];
      if (known !== undefined) {
        assert.equal(term, known.term, `state machine: ${host.id} commits another entry at ${index}`);
        continue;
      }
      assert.equal(index, this.#committed.length, `commits of ${host.id} leave a hole before ${index}`);
      const [entry] = host.log.entries(index, index + 1, Infinity);
      const before = this.#committed[index - 1]?.value ?? '';
      let value = before;
      if (entry?.type === 'normal') {
        value = decoder.decode(entry.data);
        const floor = this.#writes.get(value) ?? 0;
        assert.ok(index > floor, `linearizability: a write took place ${index}, after ${floor} was complete`);
      }
      this.#committed.push({ term, value, digest: null });
      this.commits += 1;
    }
  }

  /** After a step: the applied state is what the log says, and equal on all members that applied as much. */
  checkState(host: MemoryHost): void {
    const { index, value, digest } = host.state;
    if (index === 0) return;
    const model = this.#committed[index];
    assert.ok(model !== undefined, `state machine: ${host.id} applied ${index}, which nobody committed`);
    model.digest ??= digest;
    assert.equal(digest, model.digest, `state machine: ${host.id} has another state at ${index}`);
    assert.equal(value, model.value, `state machine: ${host.id} has another value at ${index}`);
  }
}
