/**
 * The calls of one connection as a client opens them: which are carried, which wait for the server to allow more at a
 * time, and how each ends.
 *
 * In: calls to carry, and what the server says about them. Out: frames through the sender, and the end of every call,
 * exactly once each. After `close` every call has been ended or given back.
 */
import { PassingMap } from '@timonier/component/passing';
import { GrpcError, Status } from '../error.ts';
import type { CallCarrier, ClientCall } from './client-call.ts';
import type { StreamTable } from './connection-side.ts';
import type { Limits } from './limits.ts';
import { ErrorCode, FrameType, maxStreamId } from './protocol.ts';
import { resetError } from './response-head.ts';
import type { Sender } from './sender.ts';

/** Until the server says how many it takes. */
const usualCalls = 100;
const none = Buffer.alloc(0);

export interface ClientConnectionEvents {
  /** The connection takes no more calls: it is dead, or the server asked to go elsewhere. */
  readonly retired: () => void;
  /** Calls that the server certainly did not look at, and that may be carried by another connection. */
  readonly unserved: (call: ClientCall) => void;
  /** The number of calls became 0, or was 0. */
  readonly busy: (busy: boolean) => void;
  /** The server ends the connection because it takes what came for a flood. */
  readonly flooded?: () => void;
}

export interface ClientCallsOptions {
  readonly limits: Limits;
  readonly sender: Sender<ClientCall>;
  readonly events: ClientConnectionEvents;
  /** The last call of a connection that takes no more has ended. */
  readonly finished: () => void;
}

export class ClientCalls implements StreamTable<ClientCall>, CallCarrier {
  readonly #limits: Limits;
  readonly #sender: Sender<ClientCall>;
  readonly #events: ClientConnectionEvents;
  readonly #finished: () => void;
  readonly #byId = new PassingMap<number, ClientCall>();
  /** For the server to allow more at a time. */
  readonly #waiting: ClientCall[] = [];
  /** Bytes that callers used and the server does not know of yet. */
  readonly #uncredited = new PassingMap<ClientCall, number>();
  #allowed = usualCalls;
  #nextId = 1;
  #retired = false;
  #closed = false;

  constructor({ limits, sender, events, finished }: ClientCallsOptions) {
    this.#limits = limits;
    this.#sender = sender;
    this.#events = events;
    this.#finished = finished;
  }

  /** Calls that are carried or wait to be. */
  get size(): number {
    return this.#byId.size + this.#waiting.length;
  }

  get last(): number {
    return this.#nextId - 2;
  }

  get(id: number): ClientCall | undefined {
    return this.#byId.get(id);
  }

  values(): Iterable<ClientCall> {
    return this.#byId.values();
  }

  // What callers do.

  start(call: ClientCall): void {
    if (this.size === 0) this.#events.busy(true);
    call.carrier = this;
    if (this.#byId.size < this.#allowed) this.#open(call);
    else this.#waiting.push(call);
  }

  #open(call: ClientCall): void {
    call.id = this.#nextId;
    this.#nextId += 2;
    call.sendWindow = this.#sender.initialWindow;
    call.receiveWindow = this.#limits.streamWindow;
    this.#byId.set(call.id, call);
    const { message } = call.request;
    if (call.isWeb) this.#sender.conclude(call, message ?? none);
    else {
      this.#sender.head(call, 0);
      if (message !== undefined) {
        this.#sender.message(call, message);
        this.#sender.finish(call, none);
      }
    }
    call.opened();
    // Ids are not given out twice.
    if (this.#nextId > maxStreamId) this.retire();
  }

  send(call: ClientCall, message: Buffer): boolean {
    if (this.#closed || call.localClosed) return true;
    this.#sender.message(call, message);
    return call.queuedBytes <= this.#limits.streamQueueBytes;
  }

  halfClose(call: ClientCall): void {
    if (!this.#closed && !call.localClosed) this.#sender.finish(call, none);
  }

  credit(call: ClientCall, bytes: number): void {
    if (this.#closed || !this.#byId.has(call.id)) return;
    const pending = (this.#uncredited.get(call) ?? 0) + bytes;
    if (pending < this.#limits.streamWindow / 2) {
      this.#uncredited.set(call, pending);
      return;
    }
    this.#uncredited.delete(call);
    call.receiveWindow += pending;
    this.#sender.number(FrameType.WINDOW_UPDATE, call.id, pending);
  }

  cancel(call: ClientCall, error: GrpcError): void {
    const waits = this.#waiting.indexOf(call);
    if (waits >= 0) this.#waiting.splice(waits, 1);
    else if (this.#byId.has(call.id) && !this.#closed) {
      this.#sender.number(FrameType.RST_STREAM, call.id, ErrorCode.CANCEL);
      this.#remove(call);
    }
    call.finish(error);
    this.settleDown();
  }

  // What the server says.

  /** The server has said everything about a call: it may be told how it ended. */
  answered(call: ClientCall): void {
    // What is still to be sent interests nobody.
    if (!call.localClosed) this.#sender.number(FrameType.RST_STREAM, call.id, ErrorCode.NO_ERROR);
    this.#remove(call);
  }

  reset(id: number, code: ErrorCode, why: string): void {
    const call = this.#byId.get(id);
    if (call === undefined) return;
    this.#sender.number(FrameType.RST_STREAM, id, code);
    this.#remove(call);
    call.finish(new GrpcError(Status.INTERNAL, `the server broke the protocol on this call: ${why}`));
    this.settleDown();
  }

  ended(id: number, code: number): void {
    const call = this.#byId.get(id);
    if (call === undefined) return;
    this.#remove(call);
    if (code === ErrorCode.REFUSED_STREAM) this.#events.unserved(call);
    else call.finish(resetError(code));
    this.settleDown();
  }

  /** The server takes so many calls at a time. */
  allow(calls: number): void {
    this.#allowed = calls;
    this.settleDown();
  }

  /** The server looked at no call with a higher id, and wants no more. */
  leave(last: number): void {
    this.retire();
    for (const call of this.#byId.values()) {
      if (call.id <= last) continue;
      this.#remove(call);
      this.#events.unserved(call);
    }
    this.settleDown();
  }

  // How calls and the connection end.

  #remove(call: ClientCall): void {
    this.#byId.delete(call.id);
    this.#uncredited.delete(call);
    this.#sender.forget(call);
    call.localClosed = true;
  }

  /** A call is gone: others may have its place. */
  settleDown(): void {
    while (!this.#closed && this.#byId.size < this.#allowed) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      this.#open(next);
    }
    if (this.size > 0 || this.#closed) return;
    this.#events.busy(false);
    if (this.#retired) this.#finished();
  }

  /** Takes no more calls; those that wait are given back. */
  retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    this.#events.retired();
    if (!this.#closed) for (const call of this.#waiting.splice(0)) this.#events.unserved(call);
  }

  /** The connection is gone, and with it every call that it carried. */
  close(reason: string): void {
    this.#closed = true;
    this.retire();
    const calls = [...this.#byId.values()];
    this.#byId.clear();
    this.#uncredited.clear();
    for (const call of calls) call.finish(new GrpcError(Status.UNAVAILABLE, `Connection dropped: ${reason}`));
    for (const call of this.#waiting.splice(0)) this.#events.unserved(call);
    this.#events.busy(false);
  }
}
