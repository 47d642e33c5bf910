/**
 * Sends questions about the rest of the world to the host's own resolvers and remembers their answers for a while.
 *
 * Bounds: so many questions under way (more are refused at once), one short deadline per resolver, a cache of fixed
 * size. A resolver that did not answer is asked last for some seconds, so an unreachable upstream costs a client one
 * short wait and not a minute.
 */
import { createSocket, type Socket } from 'node:dgram';
import { readFile } from 'node:fs/promises';
import { connect, isIPv4 } from 'node:net';
import { randomInt } from 'node:crypto';

export interface ForwarderOptions {
  /** Where the upstream resolvers are listed; `/etc/resolv.conf`. */
  readonly resolvConf: string;
  /** Addresses that are this server itself: asking them would go in circles. */
  readonly ownAddresses: ReadonlySet<string>;
  readonly timeoutMs?: number;
  readonly port?: number;
}

class ForwardError extends Error {
  override readonly name = 'ForwardError';
}

const maxInFlight = 512;
const maxCached = 4_000;
const cacheMs = 30_000;
const maxCachedBytes = 4_096;
const rereadMs = 10_000;
const avoidMs = 3_000;

export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #cache = new Map<string, { readonly until: number; readonly bytes: Buffer }>();
  readonly #avoidUntil = new Map<string, number>();
  #servers: string[] = [];
  #readAt = Number.NEGATIVE_INFINITY;
  #inFlight = 0;

  constructor(options: ForwarderOptions) {
    this.#options = options;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /**
   * The raw answer to a raw query, under the query's id. `key` names the question for the cache. Rejects with a
   * `ForwardError` when there is no upstream, none answered, or too much is under way.
   */
  async forward(
    query: Buffer,
    key: string,
    transport: 'udp' | 'tcp',
  ): Promise<{ readonly bytes: Buffer; readonly cached: boolean }> {
    const cacheKey = `${transport} ${key}`;
    const known = this.#cache.get(cacheKey);
    if (known !== undefined && known.until > performance.now()) {
      return { bytes: withId(known.bytes, query.readUInt16BE(0)), cached: true };
    }
    if (this.#inFlight >= maxInFlight) throw new ForwardError('too many questions are under way');
    this.#inFlight += 1;
    try {
      const bytes = await this.#ask(query, transport);
      this.#remember(cacheKey, bytes);
      return { bytes: withId(bytes, query.readUInt16BE(0)), cached: false };
    } finally {
      this.#inFlight -= 1;
    }
  }

  async #ask(query: Buffer, transport: 'udp' | 'tcp'): Promise<Buffer> {
    const now = performance.now();
    const servers = await this.#upstreams();
    if (servers.length === 0) throw new ForwardError('the host has no other resolver');
    const healthy = servers.filter((server) => (this.#avoidUntil.get(server) ?? 0) <= now);
    // All of them were silent a moment ago: do not let every client find that out again.
    if (healthy.length === 0) throw new ForwardError('no resolver of the host has answered lately');
    const exchange = transport === 'udp' ? askByDatagram : askByStream;
    let failure: unknown;
    for (const server of healthy.slice(0, 3)) {
      try {
        const bytes = await exchange(
          query,
          server,
          this.#options.port ?? 53,
          this.#options.timeoutMs ?? 1_500,
        );
        this.#avoidUntil.delete(server);
        return bytes;
      } catch (error) {
        failure = error;
        this.#avoidUntil.set(server, performance.now() + avoidMs);
      }
    }
    throw new ForwardError('no resolver of the host answered', { cause: failure });
  }

  #remember(key: string, bytes: Buffer): void {
    const code = bytes.readUInt8(3) & 0xf;
    const truncated = (bytes.readUInt8(2) & 0x02) !== 0;
    if ((code !== 0 && code !== 3) || truncated || bytes.length > maxCachedBytes) return;
    this.#cache.delete(key);
    this.#cache.set(key, { until: performance.now() + cacheMs, bytes });
    const oldest = this.#cache.keys().next();
    if (this.#cache.size > maxCached && oldest.done !== true) this.#cache.delete(oldest.value);
  }

  async #upstreams(): Promise<readonly string[]> {
    if (performance.now() - this.#readAt > rereadMs) {
      this.#readAt = performance.now();
      const text = await readFile(this.#options.resolvConf, 'utf8').catch(() => '');
      this.#servers = parseNameservers(text).filter((server) => !this.#options.ownAddresses.has(server));
    }
    return this.#servers;
  }
}

/** IPv4 addresses of the `nameserver` lines. */
function parseNameservers(text: string): string[] {
  return text
    .split('\n')
    .map((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? '')
    .filter((address) => isIPv4(address));
}

function withId(bytes: Buffer, id: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt16BE(id, 0);
  return copy;
}

/** A fresh socket and id for each question: both must be guessed to forge an answer. */
function askByDatagram(query: Buffer, server: string, port: number, timeoutMs: number): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const id = randomInt(0x10000);
  const socket: Socket = createSocket('udp4');
  const timer = setTimeout(() => reject(new ForwardError(`${server} did not answer`)), timeoutMs);
  socket.on('error', reject);
  socket.on('message', (message) => {
    if (message.length >= 12 && message.readUInt16BE(0) === id) resolve(message);
  });
  socket.connect(port, server, () => socket.send(withId(query, id)));
  return promise.finally(() => {
    clearTimeout(timer);
    socket.close();
  });
}

function askByStream(query: Buffer, server: string, port: number, timeoutMs: number): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  let received = Buffer.alloc(0);
  const socket = connect(port, server);
  const timer = setTimeout(() => reject(new ForwardError(`${server} did not answer`)), timeoutMs);
  socket.on('error', reject);
  socket.on('close', () => reject(new ForwardError(`${server} closed the connection`)));
  socket.on('connect', () => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(query.length);
    socket.write(Buffer.concat([length, query]));
  });
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    if (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      resolve(received.subarray(2, 2 + received.readUInt16BE(0)));
    }
  });
  return promise.finally(() => {
    clearTimeout(timer);
    socket.destroy();
  });
}
