/**
 * What a component knows about the office: whether this host's master is the active one, under which token, and
 * until when that is proven. See "Office and fence" in `docs/architecture.md`.
 *
 * `OfficeClient` follows the supervisor's socket, one JSON line per state. Invariant: it never says `active` beyond
 * the lease of the last line it received, whatever happens to the supervisor or the connection.
 */
import { connect, type Socket } from 'node:net';
import { bootTimeMs } from '@timonier/linux/clock';

export interface OfficeState {
  readonly role: 'active' | 'passive';
  /** `EPOCH@HOLDER` of this host's own office while active; null while passive. */
  readonly token: string | null;
  readonly epoch: number | null;
  /** Store revision at which the office was taken; caches must have reached it before loops act. */
  readonly revision: number | null;
  /** CLOCK_BOOTTIME in milliseconds up to which the role `active` is proven by a quorum. */
  readonly leaseUntil: number;
  /** Who is active as far as this host knows. */
  readonly active: { readonly name: string; readonly address: string } | null;
}

export interface Office {
  readonly state: OfficeState;
  /** True while active and the lease is still proven by the clock. */
  holds(): boolean;
  /** Called when anything but the lease's end changes, and when a lease runs out. */
  onChange(listener: (state: OfficeState) => void): () => void;
  close(): void;
}

export const passiveOffice: OfficeState = {
  role: 'passive',
  token: null,
  epoch: null,
  revision: null,
  leaseUntil: 0,
  active: null,
};

const maxLineBytes = 64 * 1024;
const firstRetryMs = 20;
const maxRetryMs = 500;

export class OfficeClient implements Office {
  readonly #path: string;
  readonly #now: () => number;
  readonly #listeners = new Set<(state: OfficeState) => void>();
  #state = passiveOffice;
  #socket: Socket | undefined;
  #retry: NodeJS.Timeout | undefined;
  #retryMs = firstRetryMs;
  #expiry: NodeJS.Timeout | undefined;
  #closed = false;

  /** Connects to the socket at `path` and keeps trying when there is none yet. `now` is CLOCK_BOOTTIME in ms. */
  constructor(path: string, now: () => number = bootTimeMs) {
    this.#path = path;
    this.#now = now;
    this.#connect();
  }

  get state(): OfficeState {
    return this.#state;
  }

  holds(): boolean {
    return this.#state.role === 'active' && this.#now() < this.#state.leaseUntil;
  }

  onChange(listener: (state: OfficeState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    clearTimeout(this.#expiry);
    this.#socket?.destroy();
    this.#listeners.clear();
  }

  #connect(): void {
    const socket = connect(this.#path);
    this.#socket = socket;
    let pending = '';
    socket.setEncoding('utf8');
    socket.on('connect', () => (this.#retryMs = firstRetryMs));
    socket.on('data', (text: string) => {
      pending += text;
      const end = pending.lastIndexOf('\n');
      if (end >= 0) {
        // Each line is the whole state, so only the last one matters.
        const last = pending.slice(pending.lastIndexOf('\n', end - 1) + 1, end);
        pending = pending.slice(end + 1);
        this.#receive(last);
      }
      if (pending.length > maxLineBytes) socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (this.#closed) return;
      this.#retry = setTimeout(() => this.#connect(), this.#retryMs);
      this.#retryMs = Math.min(this.#retryMs * 2, maxRetryMs);
    });
  }

  #receive(line: string): void {
    try {
      this.#set(parseOfficeState(line));
    } catch {
      // A supervisor that speaks another language is as good as none: the lease runs out.
      this.#socket?.destroy();
    }
  }

  #set(next: OfficeState): void {
    // A line may have waited in a buffer while this process was stopped.
    const expired = next.role === 'active' && this.#now() >= next.leaseUntil;
    const state = expired ? { ...passiveOffice, active: next.active } : next;
    const changed = !sameButLease(this.#state, state);
    this.#state = state;
    this.#armExpiry();
    if (changed) for (const listener of this.#listeners) listener(state);
  }

  #armExpiry(): void {
    // A lease is renewed several times before its end, so the timer is left alone and checks when it fires.
    if (this.#state.role === 'passive' || this.#expiry !== undefined) return;
    const delay = Math.max(0, Math.ceil(this.#state.leaseUntil - this.#now()));
    this.#expiry = setTimeout(() => {
      this.#expiry = undefined;
      if (this.#state.role === 'passive') return;
      if (this.#now() >= this.#state.leaseUntil) this.#set({ ...passiveOffice, active: this.#state.active });
      else this.#armExpiry();
    }, delay);
    this.#expiry.unref();
  }
}

/** Parses one line of the office socket. Throws when it is not an office state. */
export function parseOfficeState(line: string): OfficeState {
  const value = JSON.parse(line) as Partial<OfficeState> | null;
  if (value === null || typeof value !== 'object') throw new Error('an office state is a JSON object');
  const { role, leaseUntil } = value;
  if (role !== 'active' && role !== 'passive') throw new Error(`office role ${String(role)} is unknown`);
  if (typeof leaseUntil !== 'number') throw new Error('an office state needs leaseUntil');
  return {
    role,
    leaseUntil,
    token: value.token ?? null,
    epoch: value.epoch ?? null,
    revision: value.revision ?? null,
    active: value.active ?? null,
  };
}

export function sameButLease(a: OfficeState, b: OfficeState): boolean {
  return (
    a.role === b.role &&
    a.token === b.token &&
    a.epoch === b.epoch &&
    a.revision === b.revision &&
    a.active?.name === b.active?.name &&
    a.active?.address === b.active?.address
  );
}
