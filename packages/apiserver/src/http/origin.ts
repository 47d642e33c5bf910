/**
 * Where requests come from. A connection that another master has passed on comes from where that one says, and through that one;
 * the TLS on it is a socket of its own, which knows the other end of the connection only. Last comes who has said it, as
 * with everybody who passes a request on.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { isIP, type Socket } from 'node:net';

interface Ends {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
}

const origins = new WeakMap<object, string>();
/** Of what a request says that it came through, the last. */
const mostForwarded = 32;
/** Of the items there, whatever they are: a header may hold half a million. */
const mostItems = 64;
const mappedPrefix = '::ffff:';

/**
 * The addresses that a connection came through: that of its client, where another master has told it, and last the other end's.
 * None when it is gone, or no connection over IP.
 */
export function wayOf(socket: Ends): string[] {
  const way: string[] = [];
  for (const address of [origins.get(socket), socket.remoteAddress])
    if (address !== undefined && plain(address) !== way.at(-1)) way.push(plain(address));
  return way;
}

function plain(address: string): string {
  return address.startsWith(mappedPrefix) ? address.slice(mappedPrefix.length) : address;
}

/** As upstream's audit log has them: what the request came through before by its own words, and last the way here. */
export function sourcesOf(headers: IncomingHttpHeaders, socket: Ends): string[] {
  const sources = lastAddresses([headers['x-forwarded-for'] ?? []].flat().join(','));
  const real = String(headers['x-real-ip'] ?? '').trim();
  if (isIP(real) !== 0 && !sources.includes(real)) sources.push(real);
  for (const address of wayOf(socket)) if (address !== sources.at(-1)) sources.push(address);
  return sources;
}

/** In their order. */
function lastAddresses(list: string): string[] {
  const addresses: string[] = [];
  let end = list.length;
  for (let items = 0; end >= 0 && items < mostItems && addresses.length < mostForwarded; items++) {
    const comma = end === 0 ? -1 : list.lastIndexOf(',', end - 1);
    const address = list.slice(comma + 1, end).trim();
    if (isIP(address) !== 0) addresses.push(address);
    end = comma;
  }
  return addresses.reverse();
}

/** What is said of connections on their way to the TLS on them. */
export class Origins {
  readonly #told = new Map<string, string>();

  /** `address` is where the client of a connection is. */
  tell(socket: Socket, address: string): void {
    if (isIP(address) === 0 || address === socket.remoteAddress) return;
    const key = keyOf(socket);
    this.#told.set(key, address);
    socket.once('close', () => this.#told.delete(key));
  }

  /** The TLS on a connection speaks. */
  recognize(socket: Socket): void {
    const address = this.#told.size === 0 ? undefined : this.#told.get(keyOf(socket));
    if (address !== undefined) origins.set(socket, address);
  }
}

/** From one port of theirs to two of ours are two connections. */
function keyOf({ remoteAddress, remotePort, localAddress, localPort }: Ends): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
