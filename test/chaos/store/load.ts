/**
 * Clients that read and write a few contended keys and write down what they were told. Each asks one thing at a
 * time. Half of them stay with their member whatever happens, so that a member that is cut off is asked for its
 * opinion; the others go on to the next member after an error, as etcd's own clients do.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { createClient, GrpcError, Status } from '@timonier/grpc';
import type { Random } from '../../simulation/random.ts';
import type { History, KeyState, Outcome, Request } from './history.ts';
import type { Host } from './host.ts';
import { type KvClient, kvService, type RangeAnswer, type WireKeyValue } from './protocol.ts';

const keys = 8;
const timeoutMs = 2_000;

export interface LoadOptions {
  readonly hosts: readonly Host[];
  readonly history: History;
  readonly clients: number;
  readonly thinkMs: number;
  readonly random: Random;
  /** Milliseconds since the run began. */
  readonly now: () => number;
  readonly signal: AbortSignal;
}

export function stateOf(kv: WireKeyValue): KeyState {
  return {
    key: kv.key.toString(),
    value: kv.value.toString(),
    create: kv.createRevision,
    mod: kv.modRevision,
    version: kv.version,
  };
}

/** Resolves when every client has stopped after the signal. */
export async function load(options: LoadOptions): Promise<void> {
  await Promise.all(
    Array.from({ length: options.clients }, (_unused, i) =>
      new LoadClient(options, `c${i + 1}`, i, i % 2 === 0).run(),
    ),
  );
}

class LoadClient {
  readonly #o: LoadOptions;
  readonly #name: string;
  readonly #loyal: boolean;
  #at: number;
  #client: KvClient;
  #values = 0;
  /** What it last saw of each key, for comparisons that have a chance to hold. */
  readonly #seen = new Map<string, number>();

  constructor(options: LoadOptions, name: string, at: number, loyal: boolean) {
    this.#o = options;
    this.#name = name;
    this.#loyal = loyal;
    this.#at = at % options.hosts.length;
    this.#client = createClient(kvService, this.#host.target);
  }

  get #host(): Host {
    const host = this.#o.hosts[this.#at];
    if (host === undefined) throw new Error('a client has no member');
    return host;
  }

  async run(): Promise<void> {
    const { history, signal, now, thinkMs, random } = this.#o;
    while (!signal.aborted) {
      const request = this.#choose();
      const { floor } = history;
      const begin = now();
      const member = this.#host.name;
      const outcome = await this.#ask(request);
      history.add({ client: this.#name, member, floor, begin, end: now(), request, outcome });
      if (outcome.type === 'done') for (const { key, mod } of outcome.found) this.#seen.set(key, mod);
      else this.#moveOn();
      const wait = outcome.type === 'done' ? thinkMs * 2 * random.next() : 20 + random.below(80);
      await pause(wait);
    }
    this.#client.close();
  }

  #moveOn(): void {
    this.#client.close();
    if (!this.#loyal) this.#at = (this.#at + 1) % this.#o.hosts.length;
    // A new connection: the old one may be waiting for a packet that was dropped long ago.
    this.#client = createClient(kvService, this.#host.target);
  }

  #choose(): Request {
    const { random } = this.#o;
    const key = `k/${random.below(keys)}`;
    const value = `${this.#name}-${++this.#values}`;
    const kind = random.next();
    if (kind < 0.3) return { type: 'put', key, value };
    if (kind < 0.5) return { type: 'swap', key, value, expected: this.#seen.get(key) ?? 0 };
    if (kind < 0.55) return { type: 'delete', key };
    if (kind < 0.62) {
      const first = random.below(keys);
      const second = (first + 1 + random.below(keys - 1)) % keys;
      return { type: 'pair', keys: [`k/${first}`, `k/${second}`], value };
    }
    if (kind < 0.7) return { type: 'get', key: 'k/', prefix: true, serializable: random.chance(0.2) };
    return { type: 'get', key, prefix: false, serializable: random.chance(0.1) };
  }

  async #ask(request: Request): Promise<Outcome> {
    try {
      return await this.#send(request);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      // "No space" is said before anything is proposed. Everything else may have happened.
      const refused =
        error instanceof GrpcError &&
        error.code === Status.RESOURCE_EXHAUSTED &&
        error.details.includes('database space exceeded');
      return { type: refused ? 'refused' : 'unknown', error: text };
    }
  }

  async #send(request: Request): Promise<Outcome> {
    const client = this.#client;
    const bytes = (text: string): Buffer => Buffer.from(text);
    const options = { timeoutMs };
    const done = (
      revision: number,
      found: readonly (WireKeyValue | undefined)[],
      succeeded = true,
    ): Outcome => ({
      type: 'done',
      revision,
      found: found.filter((kv) => kv !== undefined).map(stateOf),
      succeeded,
    });
    const putOp = (key: string, value: string): object => ({
      requestPut: { key: bytes(key), value: bytes(value) },
    });
    switch (request.type) {
      case 'put': {
        const { key, value } = request;
        const body = { key: bytes(key), value: bytes(value), prevKv: true };
        const { header, prevKv } = await client.unary('put', body, options);
        return done(header.revision, [prevKv]);
      }
      case 'delete': {
        const body = { key: bytes(request.key), prevKv: true };
        const { header, prevKvs } = await client.unary('deleteRange', body, options);
        return done(header.revision, prevKvs);
      }
      case 'swap': {
        const { key, value, expected } = request;
        const body = {
          compare: [{ key: bytes(key), target: 2, result: 0, modRevision: expected }],
          success: [putOp(key, value)],
          failure: [{ requestRange: { key: bytes(key) } }],
        };
        const { header, succeeded, responses } = await client.unary('txn', body, options);
        const range: RangeAnswer | undefined = responses[0]?.responseRange;
        return done(header.revision, succeeded ? [] : (range?.kvs ?? []), succeeded);
      }
      case 'pair': {
        const body = { success: request.keys.map((key) => putOp(key, request.value)) };
        const { header } = await client.unary('txn', body, options);
        return done(header.revision, []);
      }
      case 'get':
        break;
    }
    const { key, prefix, serializable } = request;
    const rangeEnd = prefix ? { rangeEnd: bytes(`${key.slice(0, -1)}0`) } : {};
    const { header, kvs } = await client.unary(
      'range',
      { key: bytes(key), ...rangeEnd, serializable },
      options,
    );
    return done(header.revision, kvs);
  }
}
