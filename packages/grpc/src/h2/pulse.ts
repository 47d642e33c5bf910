/**
 * Decides when a peer that we wait for is gone: it lost its power or its link, so that no reset comes, and TCP alone would
 * wait for minutes. It is asked at every beat, and taken for dead after so many questions in a row to which nothing came,
 * neither an answer nor any other byte. Questions are counted, not time: time passes while we ourselves are stopped.
 */
export class Pulse {
  readonly #mostUnanswered: number;
  #unanswered = 0;

  constructor(mostUnanswered: number) {
    this.#mostUnanswered = mostUnanswered;
  }

  /** Anything has come. */
  heard(): void {
    this.#unanswered = 0;
  }

  /** 'ask' wants a PING to be sent. */
  beat(): 'ask' | 'dead' {
    if (this.#unanswered >= this.#mostUnanswered) return 'dead';
    this.#unanswered += 1;
    return 'ask';
  }
}
