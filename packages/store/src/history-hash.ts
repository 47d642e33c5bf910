/**
 * A checksum over all that is stored up to a revision; equal on members that agree and are compacted alike. Worked out
 * in turns that leave room for other work, for the state may be large.
 */
import { crc32 } from 'node:zlib';
import { etcdError } from './errors.ts';
import type { Mvcc } from './mvcc.ts';

const turnMs = 5;
const sweptMs = 5_000;

/** `current` is asked again after every turn. Rejects when the state was compacted or replaced in between. */
export async function hashHistory(current: () => Mvcc, revision: number): Promise<number> {
  const state = current();
  const { compactRevision } = state;
  // Members take away what was compacted each at its own pace.
  for (const until = performance.now() + sweptMs; state.sweeping && performance.now() < until;)
    await new Promise((resolve) => setTimeout(resolve, turnMs));
  // A checksum that is no comparison would look like damage.
  if (state.sweeping) throw etcdError.timeout();
  let hash = 0;
  let end = performance.now() + turnMs;
  for (const bytes of state.history(revision)) {
    hash = crc32(bytes, hash);
    if (performance.now() < end) continue;
    await new Promise((resolve) => setImmediate(resolve));
    if (current() !== state || state.compactRevision !== compactRevision) throw etcdError.compacted();
    end = performance.now() + turnMs;
  }
  return hash;
}
