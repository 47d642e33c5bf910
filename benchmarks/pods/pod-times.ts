/** Follows pods by one watch and notes when each was first seen scheduled, running and gone. */
import { until } from '../../test/acceptance/wait.ts';
import type { ApiSession } from '../../test/acceptance/api-session.ts';

const waitMs = 60_000;
const silenceMs = 300_000;

interface Seen {
  scheduled?: number;
  running?: number;
  gone?: number;
}

interface PodEvent {
  readonly type: string;
  readonly object: {
    readonly metadata: { readonly name: string };
    readonly spec?: { readonly nodeName?: string };
    readonly status?: { readonly phase?: string };
  };
}

export class PodTimes {
  readonly #seen = new Map<string, Seen>();
  readonly #stop = new AbortController();
  #failure: Error | undefined;

  constructor(session: ApiSession, path: string) {
    void this.#follow(session, path).catch((error: unknown) => {
      this.#failure = error instanceof Error ? error : new Error(String(error));
    });
  }

  /** Milliseconds from scheduled to running, once it runs. */
  running(name: string): Promise<number> {
    return this.#when(`${name} runs`, name, ({ scheduled, running }) =>
      scheduled === undefined || running === undefined ? undefined : running - scheduled,
    );
  }

  async gone(name: string): Promise<void> {
    await this.#when(`${name} is gone`, name, (seen) => seen.gone);
  }

  close(): void {
    this.#stop.abort();
  }

  #when(what: string, name: string, select: (seen: Seen) => number | undefined): Promise<number> {
    return until(what, waitMs, () => {
      if (this.#failure !== undefined) throw this.#failure;
      return select(this.#seen.get(name) ?? {});
    });
  }

  async #follow(session: ApiSession, path: string): Promise<void> {
    for await (const line of session.watch(`${path}?watch=true`, silenceMs, this.#stop.signal)) {
      const now = performance.now();
      const { type, object } = line as PodEvent;
      const seen = this.#seen.get(object.metadata.name) ?? {};
      this.#seen.set(object.metadata.name, seen);
      if (type === 'DELETED') seen.gone ??= now;
      if (object.spec?.nodeName !== undefined) seen.scheduled ??= now;
      if (object.status?.phase === 'Running') seen.running ??= now;
    }
    if (!this.#stop.signal.aborted) throw new Error('the watch of pods ended');
  }
}
