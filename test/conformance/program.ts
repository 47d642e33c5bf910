/** What the suites share on their command lines. */
import { numberFlag, UsageError } from '@timonier/component';
import { peer } from '../peers/peer.ts';
import type { ProgramName } from '../peers/programs.ts';

export const workersFlag = numberFlag(1, 'processes of each of our API servers', { min: 1, max: 16 });

/** Throws, with what to do, when one of the real programs was not built. */
export function needPeers(names: readonly ProgramName[]): void {
  const missing = names
    .map((name) => peer(name))
    .flatMap((found) => ('missing' in found ? [found.missing] : []));
  if (missing.length > 0) throw new UsageError(missing.join('; '));
}
