/**
 * Whether the history of all clients is linearizable.
 *
 * A response tells the revision at which its operation took place, so the order is known and nothing has to be
 * searched for: each operation is carried out at its revision on a naive model (model.ts) and must answer the same and
 * change the same; and whatever was complete before an operation began must have an earlier place. Only operations
 * whose outcome nobody knows are searched for: each revision that no known operation explains must be explained by one
 * of them, or by the end of a lease.
 */
import { type Answer, carryOut, expectedRange, sameAnswer } from './model.ts';
import type { Operation } from './operations.ts';
import { describe, sameKeyValue, type Truth } from './truth.ts';
import type { KeyValue } from '../../../packages/store/src/types.ts';
import { Violation } from './world.ts';

export interface Verdict {
  /** Operations that were put in their place. */
  readonly placed: number;
  /** Revisions explained by operations of unknown outcome. */
  readonly found: number;
}

/** Throws a Violation when no order of the operations explains what clients saw. */
export function checkHistory(truth: Truth, operations: readonly Operation[]): Verdict {
  const owners = new Map<number, Operation>();
  const unknown: Operation[] = [];
  let placed = 0;
  for (const operation of operations) {
    if (operation.outcome === 'ok') {
      place(truth, owners, operation);
      placed += 1;
    } else if (operation.outcome !== 'refused' && operation.writes) unknown.push(operation);
  }
  const floors = floorsOf(operations);
  checkOrder(operations, owners, floors);
  const found = explainHoles(truth, owners, unknown, floors);
  return { placed, found };
}

function place(truth: Truth, owners: Map<number, Operation>, operation: Operation): void {
  const { request, answer } = operation;
  if (answer === undefined) return;
  const { revision } = answer;
  if (revision > truth.revision)
    throw new Violation(`linearizability: ${operation.text} answers revision ${revision}, which nobody has`);
  if (request.range !== undefined) {
    const expected = expectedRange(truth, request.range, revision);
    if (!sameAnswer(answer, expected))
      throw new Violation(
        `linearizability: ${operation.text} answers ${show(answer)}, not ${show(expected)}`,
      );
    return;
  }
  if (!operation.changesKeys) return;
  const before = carryOut(truth, request, revision - 1);
  const made = before.changes.length > 0 && sameChanges(before.changes, truth.revisions[revision]);
  if (made && sameAnswer(answer, before)) {
    const other = owners.get(revision);
    if (other !== undefined)
      throw new Violation(
        `linearizability: ${operation.text} and ${other.text} both made revision ${revision}`,
      );
    owners.set(revision, operation);
    return;
  }
  const after = carryOut(truth, request, revision);
  if (after.changes.length === 0 && sameAnswer(answer, after)) return;
  throw new Violation(
    `linearizability: ${operation.text} answers ${show(answer)}; at revision ${revision}, which is ${describe(truth.revisions[revision] ?? [])}, it would be ${show(before)} ${describe(before.changes)} or ${show(after)} ${describe(after.changes)}`,
  );
}

function sameChanges(changes: readonly KeyValue[], truth: readonly KeyValue[] | undefined): boolean {
  return (
    truth !== undefined &&
    changes.length === truth.length &&
    changes.every((change, i) => sameKeyValue(change, truth[i]))
  );
}

function show({ revision, succeeded, parts }: Answer): string {
  return `${revision}:${succeeded === undefined ? '' : succeeded ? 'then' : 'else'}${parts.map((part) => `${part.count}${describe(part.kvs)}`).join()}`;
}

/** Gives every revision without an owner to an operation of unknown outcome, each of which made at most one. */
function explainHoles(
  truth: Truth,
  owners: ReadonlyMap<number, Operation>,
  unknown: readonly Operation[],
  floors: readonly Floor[],
): number {
  const holes: { readonly revision: number; readonly candidates: Operation[] }[] = [];
  for (let revision = 2; revision <= truth.revision; revision += 1) {
    if (owners.has(revision)) continue;
    const changes = truth.revisions[revision] ?? [];
    if (isLeaseEnd(truth, revision)) continue;
    const candidates = unknown.filter(
      (operation) =>
        revision > (floorAt(floors, operation.begin)?.place ?? 0) &&
        sameChanges(carryOut(truth, operation.request, revision - 1).changes, changes),
    );
    if (candidates.length === 0)
      throw new Violation(`linearizability: nobody asked for revision ${revision}: ${describe(changes)}`);
    holes.push({ revision, candidates });
  }
  // A matching of holes and operations, by augmenting paths; the earliest operations come first.
  const makes = new Map<Operation, number>();
  const assign = (hole: number, tried: Set<Operation>): boolean => {
    for (const candidate of holes[hole]?.candidates ?? []) {
      if (tried.has(candidate)) continue;
      tried.add(candidate);
      const other = makes.get(candidate);
      if (other !== undefined && !assign(other, tried)) continue;
      makes.set(candidate, hole);
      return true;
    }
    return false;
  };
  for (const [i, { revision }] of holes.entries())
    if (!assign(i, new Set()))
      throw new Violation(
        `linearizability: revision ${revision}, ${describe(truth.revisions[revision] ?? [])}, was made more often than asked for`,
      );
  return holes.length;
}

/** Whether a revision deletes exactly the keys of one lease. */
function isLeaseEnd(truth: Truth, revision: number): boolean {
  const changes = truth.revisions[revision] ?? [];
  const [first] = changes;
  if (first === undefined || changes.some(({ version }) => version !== 0)) return false;
  const lease = truth.at(first.key.toString('latin1'), revision - 1)?.lease ?? 0n;
  if (lease === 0n || !truth.leaseEnds.some(({ id }) => id === lease)) return false;
  let attached = 0;
  for (const key of truth.keys.keys()) if (truth.at(key, revision - 1)?.lease === lease) attached += 1;
  return (
    attached === changes.length &&
    changes.every(({ key }) => truth.at(key.toString('latin1'), revision - 1)?.lease === lease)
  );
}

/** By the time something is complete: the highest place of all that is complete by then, ascending. */
interface Floor {
  readonly from: number;
  readonly place: number;
  readonly by: Operation;
}

/** Known operations only: one of unknown outcome is never known to be complete. */
function floorsOf(operations: readonly Operation[]): Floor[] {
  const floors: Floor[] = [];
  const ended = operations.filter(({ outcome, linearizable }) => outcome === 'ok' && linearizable);
  for (const operation of ended.sort((a, b) => a.end - b.end)) {
    const place = operation.answer?.revision ?? 0;
    if (place > (floors.at(-1)?.place ?? 0)) floors.push({ from: operation.end, place, by: operation });
  }
  return floors;
}

/** What was complete before `begin`. */
function floorAt(floors: readonly Floor[], begin: number): Floor | undefined {
  let low = 0;
  let high = floors.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((floors[middle]?.from ?? 0) < begin) low = middle + 1;
    else high = middle;
  }
  return floors[low - 1];
}

/** What was complete before an operation began must have an earlier place, or the same when it changed nothing. */
function checkOrder(
  operations: readonly Operation[],
  owners: ReadonlyMap<number, Operation>,
  floors: readonly Floor[],
): void {
  for (const operation of operations) {
    if (operation.outcome !== 'ok' || !operation.linearizable) continue;
    const floor = floorAt(floors, operation.begin);
    const place = operation.answer?.revision ?? 0;
    const made = owners.get(place) === operation;
    if (floor !== undefined && (place < floor.place || (made && place === floor.place)))
      throw new Violation(
        `linearizability: ${operation.text} took place at revision ${place}, after ${floor.by.text} had been complete at ${floor.place}`,
      );
  }
}
