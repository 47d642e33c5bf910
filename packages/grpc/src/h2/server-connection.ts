/**
 * The server's end of a connection, from its greeting to its end: what it is put together of, and when it is over.
 *
 * In: chunks from the socket, in order. Out: streams that run handlers, and frames through the sender. After `dead`
 * every stream has been ended.
 */
import { GrpcError, Status } from '../error.ts';
import { IdleBudget } from './budget.ts';
import { Departure } from './departure.ts';
import { FrameEngine } from './frame-engine.ts';
import { atLeast, type Limits } from './limits.ts';
import type { Transport } from './output.ts';
import { broken, defaultWindow, ErrorCode, FrameType } from './protocol.ts';
import { ReceiveCredit } from './receive-credit.ts';
import { RequestFrames } from './request-frames.ts';
import { Sender } from './sender.ts';
import { ServerStreams } from './server-streams.ts';
import { ourSettings } from './settings.ts';
import type { Route, Stream } from './stream.ts';
import { Watchdog } from './watchdog.ts';

export class ServerConnection {
  readonly #transport: Transport;
  readonly #sender: Sender<Stream>;
  readonly #engine: FrameEngine<Stream>;
  readonly #budget: IdleBudget;
  readonly #watchdog: Watchdog;
  readonly #streams: ServerStreams;
  readonly #departure: Departure;
  readonly #idleMs: number;
  /** When there was a stream last, as far as that was looked at. */
  #busyAt = performance.now();
  #lastSeen = 0;

  /** `web` is for requests that are no gRPC, which without `routes` are all. */
  constructor(
    transport: Transport,
    routes: ReadonlyMap<string, Route> | undefined,
    limits: Limits,
    peer: string,
    clientName: () => string | undefined = () => undefined,
    web?: Route,
  ) {
    atLeast(limits, 'streamWindow', defaultWindow);
    this.#transport = transport;
    this.#idleMs = limits.idleMs;
    this.#watchdog = new Watchdog(limits, performance.now());
    this.#budget = new IdleBudget(limits.idleFrames, limits.idleFramesPerSecond, performance.now());
    const sender = new Sender<Stream>({
      transport,
      limits,
      headsWait: true,
      finished: (stream) => {
        this.#budget.earn();
        this.#streams.answered(stream);
      },
      sentData: (bytes) => this.#budget.sent(bytes),
    });
    this.#sender = sender;
    const credit = new ReceiveCredit(limits, (id, bytes) =>
      sender.number(FrameType.WINDOW_UPDATE, id, bytes),
    );
    this.#departure = new Departure(
      sender,
      () => this.#streams,
      () => this.#engine.hangUp('the server is shutting down'),
    );
    const spend = (): void => this.#spend();
    const streams = new ServerStreams({
      peer,
      clientName,
      limits,
      sender,
      credit,
      spend,
      removed: () => this.#departure.ifIdle(),
    });
    this.#streams = streams;
    this.#engine = new FrameEngine<Stream>({
      side: 'server',
      transport,
      limits,
      sender,
      streams,
      payloads: new RequestFrames({
        limits,
        routes,
        web,
        streams,
        credit,
        departure: this.#departure,
        spend,
        heardAt: () => this.#watchdog.heardAt,
      }),
      news: {
        idle: spend,
        widened: () => this.#must(this.#budget.spendUpdate(performance.now())),
        pong: () => this.#departure.answered(),
        // Servers open no streams.
        allows: () => undefined,
        leaves: () => undefined,
      },
      closed: () => streams.close(),
    });
    this.#engine.greet(ourSettings(limits));
  }

  get dead(): boolean {
    return this.#engine.dead;
  }

  /** Streams that have not ended. */
  get open(): number {
    return this.#streams.size;
  }

  /** Takes what the socket read. */
  feed(chunk: Buffer): void {
    if (this.dead) return;
    this.#watchdog.heard(performance.now());
    this.#engine.feed(chunk);
  }

  /** The socket has room again. */
  drained(): void {
    this.#engine.drained();
  }

  /** The socket is closed. */
  closed(): void {
    this.#engine.close('the socket is closed');
  }

  #spend(): void {
    this.#must(this.#budget.spend(performance.now()));
  }

  #must(withinBudget: boolean): void {
    if (!withinBudget) throw broken(ErrorCode.ENHANCE_YOUR_CALM, 'too many frames that carry nothing');
  }

  /** Asks the client to go elsewhere; running calls go on, and the connection ends with the last of them. */
  leave(): void {
    if (!this.dead) this.#departure.begin();
  }

  /** Ends what still runs with UNAVAILABLE, and the connection. */
  abandon(): void {
    if (this.dead) return;
    for (const stream of this.#streams.values())
      this.#streams.finish(stream, new GrpcError(Status.UNAVAILABLE, 'the server is shutting down'));
    this.#departure.now();
    this.#engine.hangUp('the server is shutting down');
  }

  /** Called every few seconds: notices peers that are silent, stuck or slow on purpose. */
  tick(now: number): void {
    if (this.dead) return;
    const verdict = this.#watchdog.check(now, {
      handed: this.#sender.handed,
      backlog: this.#transport.writableLength,
      midway: this.#engine.midway,
    });
    if (verdict === 'dead') {
      this.closed();
      this.#transport.destroy();
      return;
    }
    const { size, last } = this.#streams;
    if (size > 0 || last !== this.#lastSeen) {
      this.#busyAt = now;
      this.#lastSeen = last;
    } else if (now - this.#busyAt > this.#idleMs) this.leave();
    if (verdict === 'ask') this.#sender.frame(FrameType.PING, 0, 0, Buffer.from('anyone??'));
    this.#streams.tick(now);
  }
}
