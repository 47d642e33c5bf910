/**
 * Decides when a server that a client waits for is gone without a word: it lost its power or its link, so that no reset comes,
 * and a stream on which nothing is sent would wait for ever.
 *
 * At every beat a connection that is in use, or was since the beat before, is asked for a sign of life, which any byte is; one
 * that gave none until the next beat is lost. What is not in use is not asked, and has no beats. Questions are counted, not
 * time: time passes while we ourselves are stopped. Servers of Go's gRPC end a connection that asks too often (etcd: more than
 * once in 5 s, three times without an answer to a call in between), and say so; then beats are twice as far apart, up to
 * `mostSlowdown` times as far.
 */

/** Calls `beat` every so many milliseconds, until what it returns is called. */
export type Beats = (beat: () => void, everyMs: number) => () => void;

export interface KeepaliveOptions {
  /** Milliseconds between questions, and how long a question may stay without an answer. */
  readonly everyMs: number;
  /** Default: those of the process's clock. */
  readonly beats?: Beats | undefined;
}

/** Of one connection. */
export interface KeptAlive {
  /** Whether anybody waits for the server. */
  isBusy(): boolean;
  /** Asks for a sign of life. */
  ask(): void;
  lost(): void;
}

/** From 10 s to more than the 5 min that Go's servers want where nobody set anything. */
const mostSlowdown = 64;

/** Of all connections to one server, one after the other. */
export class Pace {
  readonly #options: KeepaliveOptions;
  #everyMs: number;

  constructor(options: KeepaliveOptions) {
    this.#options = options;
    this.#everyMs = options.everyMs;
  }

  /** The server took our questions for a flood. */
  slowDown(): void {
    this.#everyMs = Math.min(this.#everyMs * 2, this.#options.everyMs * mostSlowdown);
  }

  start(beat: () => void): () => void {
    return (this.#options.beats ?? clockBeats)(beat, this.#everyMs);
  }
}

export class Keepalive {
  readonly #pace: Pace;
  readonly #connection: KeptAlive;
  #stopBeats: (() => void) | undefined;
  #wasUsed = false;
  #isAsked = false;

  constructor(pace: Pace, connection: KeptAlive) {
    this.#pace = pace;
    this.#connection = connection;
  }

  /** A call begins. */
  used(): void {
    this.#wasUsed = true;
    this.#stopBeats ??= this.#pace.start(() => this.#beat());
  }

  /** Anything has come. */
  heard(): void {
    this.#isAsked = false;
  }

  stop(): void {
    this.#stopBeats?.();
    this.#stopBeats = undefined;
  }

  #beat(): void {
    // A beat that was under way.
    if (this.#stopBeats === undefined) return;
    if (this.#isAsked) {
      this.stop();
      this.#connection.lost();
      return;
    }
    if (!this.#wasUsed && !this.#connection.isBusy()) {
      this.stop();
      return;
    }
    this.#wasUsed = false;
    this.#isAsked = true;
    this.#connection.ask();
  }
}

function clockBeats(beat: () => void, everyMs: number): () => void {
  // A process that was stopped hears of the time before it reads what has come meanwhile.
  const timer = setInterval(() => setImmediate(beat), everyMs);
  timer.unref();
  return () => clearInterval(timer);
}
