/**
 * Orderly shutdown: whoever starts something registers how to stop it, and stopping runs in reverse order,
 * each step within a bound. The first SIGTERM or SIGINT starts it; a second one exits at once.
 */

export interface ShutdownLog {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

interface Step {
  readonly name: string;
  readonly stop: () => void | Promise<void>;
  readonly timeoutMs: number;
}

export class Shutdown {
  readonly #controller = new AbortController();
  readonly #steps: Step[] = [];
  readonly #log: ShutdownLog;
  readonly #finished = Promise.withResolvers<void>();

  constructor(log: ShutdownLog) {
    this.#log = log;
  }

  /** Aborted when shutdown begins. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Resolves when shutdown has run to its end. */
  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  /** Registers a step. Steps run last-registered first; one that takes longer than `timeoutMs` is abandoned. */
  add(name: string, stop: () => void | Promise<void>, timeoutMs = 5_000): void {
    this.#steps.push({ name, stop, timeoutMs });
  }

  /** Begins shutdown, or joins the one under way. Resolves when every step has ended; never rejects. */
  begin(reason: string): Promise<void> {
    if (!this.signal.aborted) {
      this.#controller.abort(new Error(reason));
      void this.#run(reason);
    }
    return this.#finished.promise;
  }

  async #run(reason: string): Promise<void> {
    this.#log.info({ reason }, 'shutting down');
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      await this.#runStep(step);
    }
    this.#finished.resolve();
  }

  async #runStep({ name, stop, timeoutMs }: Step): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    try {
      const timeout = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => reject(new Error(`did not stop within ${timeoutMs} ms`)), timeoutMs);
      });
      await Promise.race([Promise.resolve(stop()), timeout]);
    } catch (error) {
      this.#log.error({ err: error, step: name }, 'shutdown step failed');
    } finally {
      clearTimeout(timer);
    }
  }
}
