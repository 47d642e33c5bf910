/**
 * Who the members are: parsing of etcd's `--initial-cluster`, and the ids of members and cluster, which every member
 * derives alike from addresses and token.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
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
}

function idOf(parts: readonly string[]): string {
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

export function idText(id: bigint): string {
  return id.toString(16);
}

interface Identity {
  readonly cluster: string;
  readonly member: string;
  readonly name: string;
  /** Form of everything in the directory; 1 when absent. */
  readonly format?: number;
}

/** The form of data directories that this version writes, and the only one that it reads. */
const dataFormat = 1;

/** Claims a data directory for a member, or checks that it is this member's. Throws with what to do otherwise. */
export function claimDataDir(folder: string, cluster: InitialCluster): void {
  makeFolder(folder);
  const path = join(folder, 'member.json');
  const mine: Identity = {
    cluster: cluster.id,
    member: cluster.self.id,
    name: cluster.self.name,
    format: dataFormat,
  };
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    writeFileSync(path, `${JSON.stringify(mine)}\n`, { flush: true });
    return;
  }
  const found = readIdentity(path, text);
  if ((found.format ?? 1) !== dataFormat)
    throw new Error(
      `data directory ${folder} has format ${found.format}, and this version reads format ${dataFormat}; start the version that wrote it, or use another --data-dir`,
    );
  if (found.cluster !== mine.cluster)
    throw new Error(
      `data directory ${folder} belongs to cluster ${found.cluster}, not to ${mine.cluster} (from --initial-cluster and --initial-cluster-token); use another --data-dir`,
    );
  if (found.member !== mine.member)
    throw new Error(
      `data directory ${folder} belongs to member ${found.name} (${found.member}), not to ${mine.name} (${mine.member}); use another --data-dir`,
    );
}

function readIdentity(path: string, text: string): Identity {
  let value: Partial<Identity> | null = null;
  try {
    value = JSON.parse(text) as Partial<Identity> | null;
  } catch {
    // Said below.
  }
  const { cluster, member, name, format } = value ?? {};
  if (cluster === undefined || member === undefined || name === undefined)
    throw new Error(
      `${path} does not say whose data this is; restore it from a copy, or use another --data-dir`,
    );
  return { cluster, member, name, ...(format === undefined ? {} : { format }) };
}

/** Like mkdir -p. Node's own recursion never ends in a folder such as /proc, where nothing can be made. */
function makeFolder(path: string): void {
  const make = (): void => {
    try {
      mkdirSync(path, { mode: 0o700 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !statSync(path).isDirectory()) throw error;
    }
  };
  try {
    try {
      make();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(path) === path) throw error;
      makeFolder(dirname(path));
      make();
    }
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error;
    const why = error.code === 'EEXIST' ? 'it is no folder' : error.message;
    throw new Error(`cannot use data directory ${path}: ${why}`, { cause: error });
  }
}
