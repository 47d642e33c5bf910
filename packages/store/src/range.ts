/** Range reads over the multi-version state, with etcd's limits, filters and orders. */
import { etcdError } from './errors.ts';
import { keyRange, type RevisionRecord } from './key-index.ts';
import type { Mvcc } from './mvcc.ts';
import type { KeyValue, RangeRequest, RangeResponse } from './types.ts';

const order = { descend: 2 } as const;
const target = { key: 0, version: 1, create: 2, mod: 3, value: 4 } as const;

const nothing = Buffer.alloc(0);

/** Throws etcd's error when `revision` (0: now) cannot be read. */
export function checkRevision(state: Mvcc, revision: number): void {
  if (revision > state.current) throw etcdError.futureRevision();
  if (revision > 0 && revision < state.compactRevision) throw etcdError.compacted();
}

/** What is there at the requested revision, as etcd answers it. Throws etcd's error for a revision that cannot be read. */
export function range(state: Mvcc, request: RangeRequest): RangeResponse {
  checkRevision(state, request.revision);
  const at = request.revision > 0 ? request.revision : state.current;
  // The index is in ascending order of keys; any other target is sorted by even when no order is asked for.
  const sorted = request.sortTarget !== target.key || request.sortOrder === order.descend;
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = request;
  const filtered = minModRevision > 0 || maxModRevision > 0 || minCreateRevision > 0 || maxCreateRevision > 0;
  // Sorting and filtering come before the limit, so they need every candidate.
  const enough = request.limit > 0 && !sorted && !filtered ? request.limit : Infinity;
  const found: RevisionRecord[] = [];
  let count = 0;
  state.index.scan(keyRange(request.key, request.rangeEnd), at, (_key, record) => {
    count++;
    if (!request.countOnly && found.length < enough) found.push(record);
  });
  if (request.countOnly) return { kvs: [], more: false, count };
  const matching = filtered
    ? found.filter(
        ({ main, create }) =>
          (minModRevision === 0 || main >= minModRevision) &&
          (maxModRevision === 0 || main <= maxModRevision) &&
          (minCreateRevision === 0 || create >= minCreateRevision) &&
          (maxCreateRevision === 0 || create <= maxCreateRevision),
      )
    : found;
  let kvs: KeyValue[] = matching.map((record) => state.content(record));
  if (sorted) {
    const descending = request.sortOrder === order.descend;
    if (request.sortTarget === target.key) kvs.reverse();
    else {
      // Keys of equal rank stay in ascending order, whichever way the others go.
      const compare = comparison(request.sortTarget);
      kvs.sort(descending ? (a, b) => compare(b, a) : compare);
    }
  }
  const total = filtered ? kvs.length : count;
  const more = request.limit > 0 && total > request.limit;
  if (more) kvs = kvs.slice(0, request.limit);
  if (request.keysOnly) kvs = kvs.map((kv) => ({ ...kv, value: nothing }));
  return { kvs, more, count };
}

function comparison(by: number): (a: KeyValue, b: KeyValue) => number {
  switch (by) {
    case target.version:
      return (a, b) => a.version - b.version;
    case target.create:
      return (a, b) => a.createRevision - b.createRevision;
    case target.mod:
      return (a, b) => a.modRevision - b.modRevision;
    case target.value:
      return (a, b) => a.value.compare(b.value);
    default:
      throw etcdError.invalidSortOption();
  }
}
