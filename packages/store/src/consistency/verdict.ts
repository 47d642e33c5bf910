/**
 * Who holds other data than the rest, from the hashes of all members at one revision. Pure.
 *
 * Hashes say something about each other only where the same history was compacted. A majority of the voters that have a
 * state is right about it: what it holds was acknowledged by it.
 */
import type { Configuration, NodeId } from '@timonier/raft';

export interface HistoryHash {
  readonly hash: number;
  readonly compactRevision: number;
}

export type Verdict =
  | { readonly kind: 'agree' }
  /** A majority holds the same, and these do not. */
  | { readonly kind: 'apart'; readonly members: readonly NodeId[] }
  /** Members differ, and no majority says who is right. */
  | { readonly kind: 'split'; readonly members: readonly NodeId[] };

/** Who is right when hashes differ: a majority of the full voters, if there is one. Those compacted elsewhere are not compared. */
export function verdict(
  hashes: ReadonlyMap<NodeId, HistoryHash>,
  own: HistoryHash,
  { voters, witnesses = [] }: Configuration,
): Verdict {
  const groups = new Map<number, NodeId[]>();
  for (const [id, { hash, compactRevision }] of hashes) {
    if (compactRevision !== own.compactRevision) continue;
    const group = groups.get(hash);
    if (group === undefined) groups.set(hash, [id]);
    else group.push(id);
  }
  if (groups.size <= 1) return { kind: 'agree' };
  const full = voters.filter((id) => !witnesses.includes(id));
  const right = [...groups.values()].find(
    (group) => group.filter((id) => full.includes(id)).length > full.length / 2,
  );
  if (right === undefined) return { kind: 'split', members: [...groups.values()].flat().toSorted() };
  const members = [...groups.values()].flatMap((group) => (group === right ? [] : group)).toSorted();
  return { kind: 'apart', members };
}
