/**
 * Who the members are: parsing of etcd's `--initial-cluster`, and the ids of members and cluster, which every member
 * derives alike from addresses and token.
 */
import { createHash } from 'node:crypto';
import { UsageError } from '@timonier/component';
import type { NodeId } from '@timonier/raft';

export interface InitialMember {
  readonly id: NodeId;
  readonly name: string;
  readonly peerUrls: readonly string[];
}

export interface InitialCluster {
  readonly id: string;
  readonly self: InitialMember;
  readonly members: readonly InitialMember[];
  /** Of one that joined: the others as it found them, which is all it knows until its own log says more. */
  readonly met?: readonly InitialMember[];
  /** Where the flags of this start say that others are, which may be of another day. Ids follow from addresses. */
  readonly flagged?: readonly Pick<InitialMember, 'name' | 'peerUrls'>[];
}

/** The id that follows from what something is made of. */
export function idOf(parts: readonly string[]): string {
  return createHash('sha1')
    .update(parts.join('\n'))
    .digest()
    .subarray(0, 8)
    .toString('hex')
    .replace(/^0+/, '');
}

/** `name=url,name=url,…` with several URLs for a name allowed. Throws `UsageError`. */
export function parseInitialCluster(text: string, name: string, token: string): InitialCluster {
  const urls = new Map<string, string[]>();
  for (const item of text.split(',')) {
    const equals = item.indexOf('=');
    const member = item.slice(0, equals).trim();
    const url = item.slice(equals + 1).trim();
    if (equals <= 0) throw new UsageError(`--initial-cluster: "${item}" is not of the form name=url`);
    parseUrl('--initial-cluster', url);
    urls.set(member, [...(urls.get(member) ?? []), url]);
  }
  const members = [...urls].map(([member, peerUrls]) => ({
    id: idOf([...peerUrls.toSorted(), token]),
    name: member,
    peerUrls,
  }));
  const self = members.find((member) => member.name === name);
  if (self === undefined)
    throw new UsageError(
      `--initial-cluster does not name this member "${name}": ${[...urls.keys()].join(', ')}`,
    );
  if (new Set(members.map(({ id }) => id)).size !== members.length)
    throw new UsageError('--initial-cluster: two members have the same peer URLs');
  return { id: idOf(members.map(({ id }) => id).toSorted()), self, members };
}

export interface Endpoint {
  readonly tls: boolean;
  readonly host: string;
  readonly port: number;
}

/** An `http://` or `https://` URL with a port. Throws `UsageError`. */
export function parseUrl(flag: string, text: string): Endpoint {
  let url: URL;
  try {
    url = new URL(text);
  } catch (error) {
    throw new UsageError(`${flag}: "${text}" is not a URL such as http://127.0.0.1:2379`, { cause: error });
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new UsageError(`${flag}: the scheme of "${text}" must be http or https`);
  const port =
    url.port === ''
      ? /:(\d+)/.test(text.slice(7))
        ? Number(/:(\d+)\/?$/.exec(text)?.[1])
        : NaN
      : Number(url.port);
  if (!Number.isInteger(port)) throw new UsageError(`${flag}: "${text}" needs a port`);
  return { tls: url.protocol === 'https:', host: url.hostname.replace(/^\[|\]$/g, ''), port };
}

/** The 64-bit number that a member's or cluster's hex id stands for on the client API. */
export function idNumber(id: string): bigint {
  return BigInt(`0x${id}`);
}

/** The other way: hex without leading zeros. */
export function idText(id: bigint): string {
  return id.toString(16);
}
