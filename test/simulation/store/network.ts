/**
 * The twin in memory of the connections between members: the frames are the real bytes, the links are not.
 *
 * Frames of one connection arrive in order, for the real one is TCP; messages of the consensus core may also be lost,
 * doubled or overtake each other, for the core promises to bear that. A blocked direction holds frames back; when it
 * is free again they arrive late, or the connection turns out to be broken. A closed connection is noticed at both
 * ends, unless the other host vanished silently.
 */
import type { Network } from '../../../packages/store/src/network.ts';
import { encodeFrame, frameCodec, type PeerFrame } from '../../../packages/store/src/peer-wire.ts';
import type { WireMessage } from '../../../packages/store/src/raft-wire.ts';
import type { TransportOptions } from '../../../packages/store/src/transport-options.ts';
import { carryBulk, type Route } from './bulk.ts';
import { type Connection, Endpoint, hostAt } from './endpoint.ts';
import type { Life, World } from './world.ts';

/** How links behave at the moment. */
export interface Weather {
  /** Longest delay of a frame, in milliseconds. */
  delayMs: number;
  /** Chances for each message of the consensus core. */
  lose: number;
  double: number;
  overtake: number;
  /** Longest times after which a doubled one arrives again. */
  echoMs: readonly number[];
}

const raftTag = 0x12;
const heldFrames = 200;
const keptFrames = 30;
const connectRetryMs = [20, 30, 45, 70, 100, 150, 220, 330, 500, 750, 1_000];

export class SimulatedNetwork {
  readonly weather: Weather = { delayMs: 1, lose: 0, double: 0, overtake: 0, echoMs: [5] };
  delivered = 0;
  /** Whether connections may break between members that live. */
  mayReset = true;
  /** Sees the messages of the consensus core that arrive. */
  onRaft: (from: string, to: string, messages: readonly WireMessage[]) => void = () => undefined;
  readonly #world: World;
  /** By address. */
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #blocked = new Set<string>();
  #remembered: { from: string; to: string; frames: { connection: Connection; bytes: Buffer }[] } | undefined;

  constructor(world: World) {
    this.#world = world;
  }

  /** What the platform of one life gives to its member. */
  open(at: string, life: Life, options: TransportOptions): Network {
    const endpoint = new Endpoint(at, life, options);
    const connectionTo = (id: string): Connection | undefined => endpoint.outgoing.get(id);
    return {
      listen: (address) => Promise.resolve(address.port),
      begin: () => {
        endpoint.listening = true;
        this.#endpoints.set(at, endpoint);
      },
      addPeer: (id, address) => {
        const known = connectionTo(id);
        if (known !== undefined) {
          if (known.address === address.host) return;
          known.address = address.host;
          known.toHost = hostAt(address.host);
          this.#break(known);
          return;
        }
        const connection: Connection = {
          id,
          from: endpoint,
          address: address.host,
          toHost: hostAt(address.host),
          to: undefined,
          attempts: 0,
          lastAt: 0,
          held: [],
          closed: false,
        };
        endpoint.outgoing.set(id, connection);
        this.#connect(connection);
      },
      removePeer: (id) => {
        const connection = connectionTo(id);
        if (connection !== undefined) {
          connection.closed = true;
          endpoint.outgoing.delete(id);
          this.#noticeAtOther(connection);
        }
        if (options.isRemoved?.(id) !== true) return;
        const theirs = this.#endpointOf(id)?.outgoing.get(options.member);
        if (theirs?.to === endpoint) this.#break(theirs);
      },
      connected: (id) => connectionTo(id)?.to !== undefined,
      send: (id, frame) => this.#send(connectionTo(id), encodeFrame(frame)),
      sendEncoded: (id, bytes) => this.#send(connectionTo(id), bytes),
      sendBulk: (id, frames, timeoutMs) => this.#bulk(connectionTo(id), frames, timeoutMs),
      close: () => {
        this.#leave(endpoint, true);
        return Promise.resolve();
      },
    };
  }

  /** A process ended. `noticed`: its machine lives on and closes its connections. */
  ended(address: string, noticed: boolean): void {
    const endpoint = this.#endpoints.get(address);
    if (endpoint !== undefined) this.#leave(endpoint, noticed);
  }

  block(from: string, to: string): void {
    this.#blocked.add(`${from}>${to}`);
  }

  get anyBlocked(): boolean {
    return this.#blocked.size > 0;
  }

  unblock(from: string, to: string): void {
    this.#blocked.delete(`${from}>${to}`);
  }

  /** Two reach each other again, and what was held back between them arrives late. */
  reopen(one: string, other: string): void {
    this.unblock(one, other);
    this.unblock(other, one);
    for (const { host, outgoing } of this.#endpoints.values())
      for (const connection of outgoing.values()) {
        const { toHost, held } = connection;
        if (!(host === one && toHost === other) && !(host === other && toHost === one)) continue;
        connection.held = [];
        for (const bytes of held) this.#carry(connection, bytes);
      }
  }

  /** Everything gets through again. What was held back arrives late, or with `breaks` breaks half of the connections. */
  heal(breaks = true): void {
    this.#blocked.clear();
    for (const endpoint of this.#endpoints.values())
      for (const connection of endpoint.outgoing.values()) {
        const { held } = connection;
        connection.held = [];
        if (held.length === 0) continue;
        if (breaks && this.mayReset && this.#world.random.chance(0.5)) this.#break(connection);
        else for (const bytes of held) this.#carry(connection, bytes);
      }
  }

  /** Breaks connections, of one host or all, each with this chance, with nobody dead. */
  reset(chance: number, host?: string): void {
    for (const endpoint of this.#endpoints.values())
      for (const connection of endpoint.outgoing.values()) {
        if (host !== undefined && endpoint.host !== host && connection.toHost !== host) continue;
        if (connection.to !== undefined && this.#world.random.chance(chance)) this.#break(connection);
      }
  }

  /** From now on what one says to another of the core is kept, so that it can arrive a second time. */
  remember(from: string, to: string): void {
    this.#remembered = { from, to, frames: [] };
  }

  /** What was kept arrives again. */
  repeat(): void {
    for (const { connection, bytes } of this.#remembered?.frames ?? [])
      this.#arriveAgain(connection, bytes, this.#world.now + this.#world.random.next() * 5);
    this.#remembered = undefined;
  }

  /** Breaks the connections between two. */
  resetBetween(one: string, other: string): void {
    for (const { host, outgoing } of this.#endpoints.values())
      for (const connection of outgoing.values()) {
        const { toHost } = connection;
        if ((host === one && toHost === other) || (host === other && toHost === one)) this.#break(connection);
      }
  }

  #passes(from: string, to: string): boolean {
    return !this.#blocked.has(`${from}>${to}`);
  }

  #delay(): number {
    return 0.05 + this.#world.random.next() * this.weather.delayMs;
  }

  #connect(connection: Connection): void {
    const { from } = connection;
    this.#world.after(this.#delay() + this.#delay(), from.life, () => {
      if (connection.closed || connection.to !== undefined) return;
      const { address, toHost } = connection;
      const to = this.#endpoints.get(address);
      if (
        to === undefined ||
        !to.listening ||
        to.life.over ||
        to.life.frozen ||
        !this.#passes(from.host, toHost) ||
        !this.#passes(toHost, from.host)
      ) {
        this.#again(connection);
        return;
      }
      if (!this.#welcome(connection, to)) {
        this.#again(connection);
        return;
      }
      connection.to = to;
      connection.attempts = 0;
      connection.lastAt = this.#world.now;
      from.options.onConnected(connection.id);
    });
  }

  /** The two introduce themselves, as `Transport` does. Returns whether they get on with each other. */
  #welcome({ id, from }: Connection, to: Endpoint): boolean {
    const { cluster, member, urls, onRemoved } = from.options;
    if (to.options.cluster !== cluster || to.options.member === member) return false;
    if (to.options.isRemoved?.(member) === true) {
      onRemoved?.(id);
      return false;
    }
    this.#world.after(0, to.life, () => to.options.onCalled?.(member, urls ?? []));
    return to.options.member === id;
  }

  #endpointOf(member: string): Endpoint | undefined {
    for (const endpoint of this.#endpoints.values()) if (endpoint.options.member === member) return endpoint;
    return undefined;
  }

  #again(connection: Connection): void {
    const ms = connectRetryMs[Math.min(connection.attempts, connectRetryMs.length - 1)] ?? 1_000;
    connection.attempts += 1;
    this.#world.after(ms, connection.from.life, () => this.#connect(connection));
  }

  #send(connection: Connection | undefined, bytes: Buffer): boolean {
    if (connection?.to === undefined) return false;
    const { from, toHost } = connection;
    if (!this.#passes(from.host, toHost)) {
      if (connection.held.length >= heldFrames) return false;
      connection.held.push(bytes);
      return true;
    }
    this.#carry(connection, bytes);
    return true;
  }

  #carry(connection: Connection, bytes: Buffer): void {
    const { random } = this.#world;
    const { weather } = this;
    const isRaft = bytes[4] === raftTag;
    const kept = this.#remembered;
    if (isRaft && kept?.from === connection.from.host && kept.to === connection.toHost) {
      kept.frames.push({ connection, bytes });
      if (kept.frames.length > keptFrames) kept.frames.shift();
    }
    if (isRaft && weather.lose > 0 && random.chance(weather.lose)) return;
    let at = this.#world.now + this.#delay();
    if (isRaft && weather.overtake > 0 && random.chance(weather.overtake)) at += random.next() * 20;
    else {
      at = Math.max(at, connection.lastAt);
      connection.lastAt = at;
    }
    this.#arrive(connection, bytes, at);
    if (isRaft && weather.double > 0 && random.chance(weather.double))
      this.#arriveAgain(connection, bytes, at + random.next() * random.pick(weather.echoMs));
  }

  #arrive(connection: Connection, bytes: Buffer, at: number): void {
    const { to, from } = connection;
    if (to === undefined) return;
    this.#world.after(at - this.#world.now, to.life, () => {
      // What was on its way when the connection broke is lost.
      if (connection.to === to) this.#deliver(from, to, bytes);
    });
  }

  /** A second time, perhaps in the next life of who it is meant for: the core promises to bear that. */
  #arriveAgain({ to, from, address, toHost }: Connection, bytes: Buffer, at: number): void {
    this.#world.after(at - this.#world.now, undefined, () => {
      const now = this.#endpoints.get(address);
      if (to === undefined || now?.options.member !== to.options.member || now.life.over) return;
      if (!this.#passes(from.host, toHost)) return;
      this.#world.after(0, now.life, () => this.#deliver(from, now, bytes));
    });
  }

  #deliver(from: Endpoint, to: Endpoint, bytes: Buffer): void {
    const id = from.options.member;
    this.delivered += 1;
    const frame = frameCodec.decode(bytes.subarray(4));
    if (bytes[4] === raftTag) this.onRaft(id, to.options.member, frame.raft?.messages ?? []);
    to.options.onFrame(id, frame);
  }

  /** A connection between two that live breaks: both notice, and a new one is opened. */
  #break(connection: Connection): void {
    const { from } = connection;
    const to = connection.to;
    if (to === undefined) return;
    this.#noticeAtOther(connection);
    connection.to = undefined;
    connection.held = [];
    this.#world.after(this.#delay(), from.life, () => {
      if (connection.closed) return;
      from.options.onClosed(connection.id);
      this.#again(connection);
    });
  }

  #noticeAtOther({ from, to }: Connection): void {
    if (to !== undefined)
      this.#world.after(this.#delay(), to.life, () => to.options.onClosed(from.options.member));
  }

  #leave(endpoint: Endpoint, noticed: boolean): void {
    if (this.#endpoints.get(endpoint.address) !== endpoint) return;
    this.#endpoints.delete(endpoint.address);
    endpoint.listening = false;
    for (const connection of endpoint.outgoing.values()) {
      connection.closed = true;
      if (noticed && this.#passes(endpoint.host, connection.toHost)) this.#noticeAtOther(connection);
    }
    for (const other of this.#endpoints.values())
      for (const connection of other.outgoing.values()) {
        if (connection.to !== endpoint) continue;
        // After a silent end the first who tries again hears of it; here some time later.
        const ms = noticed ? this.#delay() : 1_000 + this.#world.random.next() * 5_000;
        this.#world.after(ms, other.life, () => {
          if (connection.to !== endpoint || connection.closed) return;
          connection.to = undefined;
          connection.held = [];
          other.options.onClosed(connection.id);
          this.#again(connection);
        });
      }
  }

  /** A connection of its own, for as long as it takes. */
  async #bulk(
    connection: Connection | undefined,
    frames: AsyncIterable<PeerFrame>,
    timeoutMs: number,
  ): Promise<void> {
    if (connection === undefined) throw new Error('no such member');
    const { from, address, toHost } = connection;
    const to = this.#endpoints.get(address);
    if (to === undefined || !this.#welcome(connection, to)) throw new Error('connection refused');
    const route: Route = {
      from,
      to,
      delay: () => this.#delay(),
      isThere: () => !to.life.over && this.#endpoints.get(address) === to,
      isOpen: () => !to.life.frozen && this.#passes(from.host, toHost) && this.#passes(toHost, from.host),
    };
    await carryBulk(this.#world, route, frames, timeoutMs);
  }
}
