/**
 * What keeps the caches of a loop from following the API server, said once per reason: informers try again several
 * times a second, and a log that repeats itself hides what is new. The last reason is kept for the readiness check.
 */

interface TroubleLog {
  debug(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export class CacheTrouble {
  readonly #log: TroubleLog;
  #last = '';

  constructor(log: TroubleLog) {
    this.#log = log;
  }

  /** ` (REASON)` of the last failure, or nothing when none was seen; to put behind a message. */
  get reason(): string {
    return this.#last === '' ? '' : ` (${this.#last})`;
  }

  /** An informer's `onError`. A broken watch is usual once in a while; only a new reason is worth a warning. */
  readonly report = (error: unknown): void => {
    const reason = error instanceof Error ? error.message : String(error);
    if (reason === this.#last) this.#log.debug({ err: error }, 'cache is catching up');
    else this.#log.warn({ reason }, 'cannot follow the API server; trying again');
    this.#last = reason;
  };
}
