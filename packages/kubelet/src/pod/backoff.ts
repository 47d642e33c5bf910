/**
 * How long to wait before a container is started again, or an image pulled again: not at all after the first
 * failure, then ten seconds, doubling up to five minutes. Ten good minutes forgive everything.
 */
const firstMs = 10_000;
const longestMs = 300_000;
const forgivenAfterMs = 600_000;

interface Entry {
  delayMs: number;
  /** When the last failure happened. */
  failedAt: number;
}

export class RestartBackoff {
  readonly #entries = new Map<string, Entry>();

  /**
   * Notes a failure that happened at `failedAt`, once for each `failedAt`. Returns when to try again and how long
   * that wait is.
   */
  failed(name: string, failedAt: number, ranForMs = 0): { readonly at: number; readonly delayMs: number } {
    const known = this.#entries.get(name);
    if (known === undefined || ranForMs >= forgivenAfterMs) {
      this.#entries.set(name, { delayMs: 0, failedAt });
      return { at: failedAt, delayMs: 0 };
    }
    if (failedAt > known.failedAt) {
      known.delayMs = Math.min(longestMs, Math.max(firstMs, known.delayMs * 2));
      known.failedAt = failedAt;
    }
    return { at: known.failedAt + known.delayMs, delayMs: known.delayMs };
  }

  reset(name: string): void {
    this.#entries.delete(name);
  }
}
