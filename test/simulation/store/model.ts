/**
 * The naive model of the store: what a request must answer and change, told from the revision before it. Written for
 * clarity and from etcd's rules, not from the store's code.
 */
import type {
  Compare,
  DeleteRangeRequest,
  KeyValue,
  PutRequest,
  RangeRequest,
  RequestOp,
} from '../../../packages/store/src/types.ts';
import type { ClientRequest } from './operations.ts';
import { sameKeyValue, type Truth } from './truth.ts';

/** The answer to one operation: a put's or delete's previous keys, or a range's keys. */
export interface Part {
  readonly count: number;
  readonly kvs: readonly KeyValue[];
}

export interface Answer {
  readonly revision: number;
  readonly succeeded: boolean | undefined;
  readonly parts: readonly Part[];
}

export interface Outcome extends Answer {
  readonly changes: readonly KeyValue[];
}

export function sameAnswer(a: Answer, b: Answer): boolean {
  return (
    a.succeeded === b.succeeded &&
    a.parts.length === b.parts.length &&
    a.parts.every((part, i) => {
      const other = b.parts[i];
      return (
        other !== undefined &&
        part.count === other.count &&
        part.kvs.length === other.kvs.length &&
        part.kvs.every((kv, j) => sameKeyValue(kv, other.kvs[j]))
      );
    })
  );
}

/** The keys of a state in the middle of a change. */
class State {
  readonly #truth: Truth;
  readonly #revision: number;
  readonly changes: KeyValue[] = [];

  constructor(truth: Truth, revision: number) {
    this.#truth = truth;
    this.#revision = revision;
  }

  get(key: string): KeyValue | undefined {
    const changed = this.changes.findLast((change) => change.key.toString('latin1') === key);
    if (changed !== undefined) return changed.version === 0 ? undefined : changed;
    return this.#truth.at(key, this.#revision);
  }

  in(from: Buffer, end: Buffer): KeyValue[] {
    const names = new Set(this.#truth.keys.keys());
    for (const change of this.changes) names.add(change.key.toString('latin1'));
    const first = from.toString('latin1');
    const last = end.toString('latin1');
    const found: KeyValue[] = [];
    for (const name of [...names].sort()) {
      const inside = end.length === 0 ? name === first : name >= first && (last === '\0' || name < last);
      const kv = inside ? this.get(name) : undefined;
      if (kv !== undefined) found.push(kv);
    }
    return found;
  }

  put({ key, value, lease, prevKv }: PutRequest): Part {
    const before = this.get(key.toString('latin1'));
    const revision = this.#revision + 1;
    this.changes.push({
      key,
      value,
      lease,
      createRevision: before?.createRevision ?? revision,
      modRevision: revision,
      version: (before?.version ?? 0) + 1,
    });
    return { count: 0, kvs: prevKv && before !== undefined ? [before] : [] };
  }

  delete({ key, rangeEnd }: DeleteRangeRequest): Part {
    const kvs = this.in(key, rangeEnd);
    for (const kv of kvs)
      this.changes.push({
        key: kv.key,
        value: Buffer.alloc(0),
        lease: 0n,
        createRevision: 0,
        modRevision: this.#revision + 1,
        version: 0,
      });
    return { count: kvs.length, kvs };
  }

  range({ key, rangeEnd, limit }: RangeRequest): Part {
    const kvs = this.in(key, rangeEnd);
    return { count: kvs.length, kvs: limit > 0 ? kvs.slice(0, limit) : kvs };
  }

  holds({ target, result, key, value, version, modRevision, createRevision }: Compare): boolean {
    const kv = this.get(key.toString('latin1'));
    if (target === 3 && kv === undefined) return false;
    const difference =
      target === 3
        ? (kv?.value.compare(value ?? Buffer.alloc(0)) ?? 0)
        : target === 0
          ? (kv?.version ?? 0) - (version ?? 0)
          : target === 1
            ? (kv?.createRevision ?? 0) - (createRevision ?? 0)
            : (kv?.modRevision ?? 0) - (modRevision ?? 0);
    if (result === 0) return difference === 0;
    if (result === 1) return difference > 0;
    return result === 2 ? difference < 0 : difference !== 0;
  }
}

/** What a request does when `revision` is the newest. */
export function carryOut(truth: Truth, request: ClientRequest, revision: number): Outcome {
  const state = new State(truth, revision);
  const parts: Part[] = [];
  let succeeded: boolean | undefined;
  if (request.put !== undefined) parts.push(state.put(request.put));
  else if (request.deleteRange !== undefined) parts.push(state.delete(request.deleteRange));
  else if (request.txn !== undefined) {
    const { compare, success, failure } = request.txn;
    succeeded = compare.every((each) => state.holds(each));
    for (const operation of succeeded ? success : failure) parts.push(partOf(state, operation));
  }
  return {
    revision: state.changes.length > 0 ? revision + 1 : revision,
    succeeded,
    parts,
    changes: state.changes,
  };
}

function partOf(state: State, { requestPut, requestDeleteRange, requestRange }: RequestOp): Part {
  if (requestPut !== undefined) return state.put(requestPut);
  if (requestDeleteRange !== undefined) return state.delete(requestDeleteRange);
  return requestRange === undefined ? { count: 0, kvs: [] } : state.range(requestRange);
}

/** What a range answers when `revision` is the newest. */
export function expectedRange(truth: Truth, request: RangeRequest, revision: number): Answer {
  const state = new State(truth, request.revision > 0 ? request.revision : revision);
  return { revision, succeeded: undefined, parts: [state.range(request)] };
}
