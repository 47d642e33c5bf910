/** Who a starting member is: what its data says; failing that the cluster it joins, or the flags of a new one. */
import type { InitialCluster } from '../cluster.ts';
import { readIdentity } from '../identity.ts';
import type { PeerTls } from '../peer-socket.ts';
import type { VersionRange } from '../versions/entry-versions.ts';
import { joinExisting } from './roster.ts';

export interface SettleOptions {
  readonly dataDir: string;
  /** What the flags say. */
  readonly flagged: InitialCluster;
  /** `--initial-cluster-state existing` */
  readonly joins: boolean;
  readonly witness: boolean;
  readonly tls: PeerTls | undefined;
  /** What this member speaks. */
  readonly versions: VersionRange;
}

/** Rejects with one sentence that says what to do. */
export async function settleCluster(options: SettleOptions): Promise<InitialCluster> {
  const { dataDir, flagged, joins, witness, tls, versions } = options;
  const known = readIdentity(dataDir, flagged, { joins, witness });
  if (known !== undefined) return known;
  if (!joins) return flagged;
  const { name, peerUrls } = flagged.self;
  return joinExisting({ name, peerUrls, witness, flagged: flagged.members, tls, versions });
}
