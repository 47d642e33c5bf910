/**
 * Liveness and readiness as named checks, in the form of kube-apiserver's `/livez` and `/readyz`: the answer is
 * `ok`, or with `?verbose` or on failure one `[+]name ok` / `[-]name failed` line per check.
 */

/** Resolves when healthy; throws (or rejects) with the reason when not. */
export type HealthCheck = () => void | Promise<void>;

export interface HealthReport {
  readonly ok: boolean;
  readonly text: string;
}

const checkTimeoutMs = 2_000;

export class Health {
  readonly #live = new Map<string, HealthCheck>();
  readonly #ready = new Map<string, HealthCheck>();

  /** A failing liveness check says that only a restart can help. */
  addLive(name: string, check: HealthCheck): void {
    this.#live.set(name, check);
  }

  /** A failing readiness check says that work should go elsewhere for now. */
  addReady(name: string, check: HealthCheck): void {
    this.#ready.set(name, check);
  }

  live(verbose: boolean, exclude: ReadonlySet<string> = new Set()): Promise<HealthReport> {
    return report('livez', this.#live, verbose, exclude);
  }

  ready(verbose: boolean, exclude: ReadonlySet<string> = new Set()): Promise<HealthReport> {
    return report('readyz', new Map([...this.#live, ...this.#ready]), verbose, exclude);
  }

  /** One check alone, as `/livez/ping` asks for; undefined when there is none of that name. */
  async one(endpoint: 'livez' | 'readyz', name: string): Promise<HealthReport | undefined> {
    const check = this.#live.get(name) ?? (endpoint === 'readyz' ? this.#ready.get(name) : undefined);
    return check && report(endpoint, new Map([[name, check]]), false, new Set());
  }
}

async function report(
  endpoint: string,
  checks: ReadonlyMap<string, HealthCheck>,
  verbose: boolean,
  exclude: ReadonlySet<string>,
): Promise<HealthReport> {
  const lines: string[] = [];
  let ok = true;
  const results = [...checks]
    .filter(([name]) => !exclude.has(name))
    .map(async ([name, check]) => ({ name, failure: await failureOf(check) }));
  for (const { name, failure } of await Promise.all(results)) {
    lines.push(failure === undefined ? `[+]${name} ok` : `[-]${name} failed: ${failure}`);
    ok &&= failure === undefined;
  }
  if (ok && !verbose) return { ok, text: 'ok' };
  return { ok, text: [...lines, `${endpoint} check ${ok ? 'passed' : 'failed'}`, ''].join('\n') };
}

async function failureOf(check: HealthCheck): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  try {
    const timeout = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${checkTimeoutMs} ms`)), checkTimeoutMs);
    });
    await Promise.race([Promise.resolve(check()), timeout]);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    clearTimeout(timer);
  }
}
