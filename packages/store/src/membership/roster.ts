/**
 * How a member that was added finds itself: it asks the members named on its command line who belongs to the cluster,
 * and looks for its own addresses among them, as etcd does with `--initial-cluster-state existing`.
 */
import type { InitialCluster, InitialMember } from '../cluster.ts';
import { parseUrl } from '../cluster.ts';
import { encodeFrame, FrameReader, type Roster } from '../peer-wire.ts';
import { openPeerSocket, type PeerTls } from '../peer-socket.ts';
import { checkCarriesOut, firstVersion, type VersionRange } from '../versions/entry-versions.ts';

export interface JoinOptions {
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly witness: boolean;
  /** Everyone on the command line. */
  readonly flagged: readonly InitialMember[];
  readonly tls: PeerTls | undefined;
  /** What this member speaks. */
  readonly versions: VersionRange;
}

const askMs = 3_000;

/** Who this member is in the cluster that is there. Rejects with what to do when it does not belong to it. */
export async function joinExisting(options: JoinOptions): Promise<InitialCluster> {
  const { name, flagged } = options;
  const others = flagged.filter((member) => member.name !== name).flatMap((member) => member.peerUrls);
  if (others.length === 0)
    throw new Error(
      `--initial-cluster-state existing: --initial-cluster names nobody but ${name}; name the members that are there`,
    );
  return identityIn(await firstRoster(others, options.tls), options);
}

/** Which member of a roster this one is. Throws with what to do when it is none of them, or may not come. */
export function identityIn(roster: Roster, options: Omit<JoinOptions, 'tls'>): InitialCluster {
  const { name, peerUrls, witness, flagged } = options;
  checkCarriesOut(options.versions, roster.version || firstVersion);
  const self = roster.members.find((member) => sameUrls(member.peerUrls, peerUrls));
  if (self === undefined)
    throw new Error(
      `cluster ${roster.cluster} has no member at ${peerUrls.join(', ')}: add it first (timonier member add ${name} --peer-urls ${peerUrls.join(',')})`,
    );
  if (self.name !== '' && self.name !== name)
    throw new Error(
      `the member at ${peerUrls.join(', ')} is ${self.name} (${self.id}), not ${name}; remove it before another takes its place`,
    );
  if (self.witness !== witness)
    throw new Error(
      self.witness
        ? `${name} was added as a witness: start it with --witness`
        : `${name} was not added as a witness: start it without --witness`,
    );
  if (self.name !== '')
    throw new Error(
      `member ${name} (${self.id}) has run before and its data is not here: a member that forgot what it promised must not come back; remove it and add it again (timonier member replace ${name})`,
    );
  for (const member of flagged)
    if (!roster.members.some((known) => sameUrls(known.peerUrls, member.peerUrls)))
      throw new Error(
        `--initial-cluster: cluster ${roster.cluster} has no member at ${member.peerUrls.join(', ')} (${member.name})`,
      );
  return {
    id: roster.cluster,
    self: { id: self.id, name, peerUrls },
    members: roster.founders.map(({ id, name: founder, peerUrls: urls }) => ({
      id,
      name: founder,
      peerUrls: urls,
    })),
    met: roster.members
      .filter(({ id }) => id !== self.id)
      .map(({ id, name: other, peerUrls: urls }) => ({ id, name: other, peerUrls: urls })),
  };
}

async function firstRoster(urls: readonly string[], tls: PeerTls | undefined): Promise<Roster> {
  const problems: string[] = [];
  for (const url of urls) {
    try {
      return await askRoster(url, tls);
    } catch (error) {
      problems.push(`${url}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new Error(`no member of the cluster answers: ${problems.join('; ')}`);
}

/** Asks one member. Rejects when it cannot be reached or says nothing in time. */
function askRoster(url: string, tls: PeerTls | undefined): Promise<Roster> {
  return new Promise((resolve, reject) => {
    const socket = openPeerSocket(parseUrl('--initial-cluster', url), tls);
    const reader = new FrameReader();
    const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${askMs} ms`)), askMs);
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () =>
      socket.write(encodeFrame({ rosterCall: {} })),
    );
    socket.on('data', (chunk) => {
      try {
        for (const { roster } of reader.push(chunk)) if (roster !== undefined) resolve(roster);
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
      socket.destroy();
    });
    socket.on('error', reject);
    socket.on('close', () => {
      clearTimeout(timer);
      reject(new Error('connection closed without an answer'));
    });
  });
}

function sameUrls(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.toSorted().join() === b.toSorted().join();
}
