/**
 * The client's end of a connection, from its greeting to its end: what it is put together of.
 *
 * In: calls to carry, and chunks from the socket. Out: frames through the sender, and the end of every call. After
 * `dead` every call has been ended.
 */
import type { ClientCall } from './client-call.ts';
import { ClientCalls, type ClientConnectionEvents } from './client-calls.ts';
import { FrameEngine } from './frame-engine.ts';
import { defaultLimits, type Limits } from './limits.ts';
import type { Transport } from './output.ts';
import { ErrorCode, FrameType, preface } from './protocol.ts';
import { ResponseFrames } from './response-frames.ts';
import { Sender } from './sender.ts';
import { clientSettings } from './settings.ts';

/** A server is trusted with more than a client of ours, and never keeps us from reading it. */
export const clientLimits: Limits = {
  ...defaultLimits,
  streamWindow: 1024 * 1024,
  connectionWindow: 16 * 1024 * 1024,
  maxHeaderListBytes: 64 * 1024,
  maxHeaderBlockBytes: 64 * 1024,
  pauseBytes: Infinity,
};

const question = Buffer.from('are you?');

export class ClientConnection {
  readonly #calls: ClientCalls;
  readonly #engine: FrameEngine<ClientCall>;
  readonly #sender: Sender<ClientCall>;

  constructor(transport: Transport, events: ClientConnectionEvents, limits: Limits = clientLimits) {
    const sender = new Sender<ClientCall>({
      transport,
      limits,
      headsWait: false,
      finished: (call) => (call.localClosed = true),
      sentData: () => undefined,
    });
    this.#sender = sender;
    const calls = new ClientCalls({
      limits,
      sender,
      events,
      finished: () => this.#engine.hangUp('the server asked to go elsewhere'),
    });
    this.#calls = calls;
    this.#engine = new FrameEngine<ClientCall>({
      side: 'client',
      transport,
      limits,
      sender,
      streams: calls,
      payloads: new ResponseFrames(calls, limits),
      news: {
        // A server may say as much as it likes. Whether it is there is seen from its bytes, whatever they say.
        idle: () => undefined,
        widened: () => undefined,
        pong: () => undefined,
        allows: (streams) => calls.allow(streams),
        leaves: (last, code) => {
          if (code === ErrorCode.ENHANCE_YOUR_CALM) events.flooded?.();
          calls.leave(last);
        },
      },
      closed: (reason) => calls.close(reason),
    });
    transport.write(preface);
    this.#engine.greet(clientSettings(limits));
  }

  get dead(): boolean {
    return this.#engine.dead;
  }

  start(call: ClientCall): void {
    this.#calls.start(call);
  }

  /** Asks the server for a sign of life: whatever it sends next is one. */
  ping(): void {
    if (!this.#engine.dead) this.#sender.frame(FrameType.PING, 0, 0, question);
  }

  /** Takes what the socket read. */
  feed(chunk: Buffer): void {
    this.#engine.feed(chunk);
  }

  /** The socket has room again. */
  drained(): void {
    this.#engine.drained();
  }

  /** The socket is closed, and why. */
  closed(reason: string): void {
    this.#engine.close(reason);
  }
}
