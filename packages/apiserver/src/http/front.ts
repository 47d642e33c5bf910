/**
 * The ports of an API server, and who answers on them.
 *
 * In: TCP connections on the secure port (everyone), the internal port (other masters, each connection behind a PROXY
 * v2 header, which only masters are believed) and a unix socket (the loops of this host). Out: connections handed to the TLS server, or, while this
 * master is passive, piped as they are to the active one's internal port. Invariants: the internal port never
 * forwards; while passive nothing but the unix socket reaches the TLS server; a change of office resets every pipe,
 * and the end of the own office resets every connection of the two TCP ports.
 */
import { setMaxListeners } from 'node:events';
import { chmod, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { listen } from '@timonier/component';
import type { Office } from '@timonier/client/office';
import type { Masters } from './masters.ts';
import { readProxyHeader } from './proxy-header-reader.ts';
import { encodeProxyHeader, type ProxiedConnection } from './proxy-protocol.ts';

export interface FrontOptions {
  /** Takes over a connection that speaks TLS. */
  readonly accept: (socket: Socket, source: ConnectionSource) => void;
  /** Absent: this server is always the active one. */
  readonly office?: Office | undefined;
  /** Port at which the active master takes piped connections. */
  readonly internalPort: number;
  /** Who is believed to know where the connections that it passes on come from. */
  readonly masters: Masters;
}

/** The ports by what they are for. */
export type PortName = 'public' | 'internal' | 'private';

export interface ConnectionSource {
  readonly remoteAddress: string;
  /** True on the unix socket, where reads are served while passive. */
  readonly private: boolean;
}

/** How long a connection waits for somebody to be active. */
const holdMs = 2_000;
/** A change of the office ends a pause at once; this is for an active one that does not take connections yet. */
const retryMs = 25;
/** Kernels answer at once or not at all, and repeat a lost first packet only after a second. */
const connectTimeoutMs = 250;
const headerTimeoutMs = 5_000;
const keepAliveMs = 15_000;

export class Front {
  readonly #options: FrontOptions;
  readonly #servers: Server[] = [];
  readonly #pipes = new Set<Socket>();
  /** Connections that wait for somebody to be active. */
  readonly #held = new Set<Socket>();
  readonly #direct = new Set<Socket>();
  readonly #private = new Set<Socket>();
  readonly #stopFollowing: (() => void) | undefined;
  #activeKey: string;
  /** Aborted when the office changes: what was tried under it is tried anew under the next. */
  #era = newEra();
  #closed = false;

  constructor(options: FrontOptions) {
    this.#options = options;
    this.#activeKey = this.#currentKey();
    this.#stopFollowing = options.office?.onChange(() => this.#officeChanged());
  }

  get pipes(): number {
    return this.#pipes.size / 2;
  }

  /** Connections that wait for somebody to be active. */
  get held(): number {
    return this.#held.size;
  }

  get connections(): number {
    return this.#direct.size + this.#private.size;
  }

  /** Listens for everyone; returns the port. */
  async listenPublic(host: string, port: number): Promise<number> {
    const server = createServer((socket) => this.#public(socket));
    await listen(server, port, host);
    this.#servers.push(server);
    return portOf(server);
  }

  /** Listens for other masters; returns the port. */
  async listenInternal(host: string, port: number): Promise<number> {
    // Paused: the header must be read in full before TLS sees a byte.
    const server = createServer({ pauseOnConnect: true }, (socket) => void this.#internal(socket));
    await listen(server, port, host);
    this.#servers.push(server);
    return portOf(server);
  }

  /** Listens on a unix socket that only its owner may open. */
  async listenPrivate(path: string): Promise<void> {
    await rm(path, { force: true });
    const server = createServer((socket) => this.#hand(socket, this.#private, 'local', true));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
    await chmod(path, 0o600);
    this.#servers.push(server);
  }

  /** A connection that another process accepted for this one on a port that they share. */
  take(port: PortName, socket: Socket): void {
    if (this.#closed) socket.destroy();
    else if (port === 'public') this.#public(socket);
    else if (port === 'internal') void this.#internal(socket);
    else this.#hand(socket, this.#private, 'local', true);
  }

  /** Stops accepting. Open connections go on until `reset`. */
  stopAccepting(): void {
    this.#closed = true;
    this.#stopFollowing?.();
    this.#era.abort();
    for (const server of this.#servers) server.close();
  }

  reset(): void {
    for (const set of [this.#held, this.#pipes, this.#direct, this.#private]) resetAll(set);
  }

  #isActive(): boolean {
    return this.#options.office?.holds() ?? true;
  }

  #currentKey(): string {
    const state = this.#options.office?.state;
    return state === undefined ? '' : `${state.role} ${state.active?.name ?? ''} ${state.token ?? ''}`;
  }

  #officeChanged(): void {
    const key = this.#currentKey();
    if (key === this.#activeKey) return;
    const wasActive = this.#activeKey.startsWith('active');
    this.#activeKey = key;
    this.#era.abort();
    this.#era = newEra();
    resetAll(this.#pipes);
    if (wasActive) resetAll(this.#direct);
  }

  #public(socket: Socket): void {
    if (this.#isActive()) this.#hand(socket, this.#direct, socket.remoteAddress ?? '', false);
    else void this.#forward(socket);
  }

  async #internal(socket: Socket): Promise<void> {
    socket.on('error', () => undefined);
    // Stopped TLS must not leave half-open sockets behind: from here every exit destroys or hands over.
    try {
      const { remoteAddress = '' } = socket;
      const proxied = await readProxyHeader(socket, headerTimeoutMs);
      const told = this.#options.masters.has(remoteAddress) ? proxied?.sourceAddress : undefined;
      if (!(await this.#untilActive(socket))) socket.resetAndDestroy();
      else this.#hand(socket, this.#direct, told ?? remoteAddress, false);
    } catch {
      socket.destroy();
    }
  }

  /**
   * Others may hear of an election before the winner, this master, has taken the office: their clients wait here for
   * that instead of being reset. False when somebody else is active, or nobody in time.
   */
  async #untilActive(socket: Socket): Promise<boolean> {
    const deadline = Date.now() + holdMs;
    this.#held.add(socket);
    socket.once('close', () => this.#held.delete(socket));
    while (!this.#isActive()) {
      const left = deadline - Date.now();
      const isOther = this.#options.office?.state.active != null;
      if (this.#closed || socket.destroyed || isOther || left <= 0) return false;
      await pause(left, undefined, { signal: this.#era.signal }).catch(() => undefined);
    }
    this.#held.delete(socket);
    return !this.#closed && !socket.destroyed;
  }

  #hand(socket: Socket, set: Set<Socket>, remoteAddress: string, isPrivate: boolean): void {
    set.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => set.delete(socket));
    socket.setNoDelay(true);
    socket.setKeepAlive(true, keepAliveMs);
    this.#options.accept(socket, { remoteAddress, private: isPrivate });
  }

  /** Pipes a client to the active master, waiting for a bounded time until there is one. */
  async #forward(socket: Socket): Promise<void> {
    socket.pause();
    socket.on('error', () => undefined);
    this.#held.add(socket);
    socket.once('close', () => this.#held.delete(socket));
    const deadline = Date.now() + holdMs;
    while (!socket.destroyed && !this.#closed && Date.now() < deadline) {
      if (this.#isActive()) {
        this.#held.delete(socket);
        this.#hand(socket, this.#direct, socket.remoteAddress ?? '', false);
        return;
      }
      const { signal } = this.#era;
      const address = this.#options.office?.state.active?.address;
      const upstream = address === undefined ? undefined : await this.#connect(address, signal);
      if (upstream !== undefined) {
        if (socket.destroyed || signal.aborted) {
          upstream.destroy();
          continue;
        }
        this.#pipe(socket, upstream);
        return;
      }
      await pause(retryMs, undefined, { signal }).catch(() => undefined);
    }
    socket.resetAndDestroy();
  }

  #connect(address: string, signal: AbortSignal): Promise<Socket | undefined> {
    return new Promise((resolve) => {
      const upstream = connect({ host: address, port: this.#options.internalPort, noDelay: true });
      const giveUp = (): void => void upstream.destroy();
      const timer = setTimeout(giveUp, connectTimeoutMs);
      signal.addEventListener('abort', giveUp);
      const settle = (connected: Socket | undefined): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', giveUp);
        resolve(connected);
      };
      upstream.once('connect', () => settle(upstream));
      upstream.on('error', () => undefined);
      upstream.once('close', () => settle(undefined));
    });
  }

  #pipe(client: Socket, upstream: Socket): void {
    this.#held.delete(client);
    this.#pipes.add(client).add(upstream);
    client.setNoDelay(true);
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.setKeepAlive(true, keepAliveMs);
      one.once('close', () => {
        this.#pipes.delete(one);
        if (!other.destroyed) other.resetAndDestroy();
      });
    }
    upstream.write(encodeProxyHeader(proxiedBy(client)));
    client.pipe(upstream);
    upstream.pipe(client);
  }
}

function newEra(): AbortController {
  const era = new AbortController();
  // Every connection that waits listens.
  setMaxListeners(0, era.signal);
  return era;
}

function proxiedBy(socket: Socket): ProxiedConnection | undefined {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  if (remoteAddress === undefined || localAddress === undefined) return undefined;
  return {
    sourceAddress: remoteAddress,
    sourcePort: remotePort ?? 0,
    destinationAddress: localAddress,
    destinationPort: localPort ?? 0,
  };
}

function resetAll(sockets: Set<Socket>): void {
  for (const socket of sockets) socket.resetAndDestroy();
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
