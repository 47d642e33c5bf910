/**
 * Runs the probes of a pod's running containers and keeps their results: who is ready, who has started up, who must
 * be restarted. Results belong to one container id, so a restarted container begins anew.
 */
import type { Container, Probe } from '@timonier/api';
import type { KubeletMetrics } from '../metrics.ts';
import type { RuntimeContainer } from '../runtime/runtime-pod.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { runHandler } from './handler.ts';

type Kind = 'Startup' | 'Liveness' | 'Readiness';

export interface ProberOptions {
  readonly runtime: Runtime;
  readonly metrics: KubeletMetrics;
  /** Results changed in a way that matters to the pod. */
  readonly onChange: () => void;
  readonly onUnhealthy: (container: Container, kind: Kind, message: string) => void;
}

export interface Probed {
  readonly target: RuntimeContainer;
  readonly container: Container;
  /** What was reported of this very container before: a restart of the kubelet takes nobody out of service. */
  readonly wasStarted: boolean;
  readonly wasReady: boolean;
}

/** Until a container is ready for the first time it is asked more often than its period says. */
const firstRetryMs = 100;

interface Watched {
  readonly timers: Map<Kind, NodeJS.Timeout>;
  readonly stop: AbortController;
  started: boolean;
  ready: boolean;
  failure: string | undefined;
}

export class Prober {
  readonly #options: ProberOptions;
  readonly #watched = new Map<string, Watched>();

  constructor(options: ProberOptions) {
    this.#options = options;
  }

  isStarted(id: string): boolean {
    return this.#watched.get(id)?.started ?? false;
  }

  isReady(id: string): boolean {
    return this.#watched.get(id)?.ready ?? false;
  }

  /** Container id → why it must be restarted. */
  get unhealthy(): ReadonlyMap<string, string> {
    const failures = new Map<string, string>();
    for (const [id, { failure }] of this.#watched) if (failure !== undefined) failures.set(id, failure);
    return failures;
  }

  /** Probes exactly these running containers from now on. */
  follow(running: readonly Probed[], podIp: string): void {
    const wanted = new Set(running.map(({ target }) => target.id));
    for (const [id, watched] of this.#watched) {
      if (wanted.has(id)) continue;
      this.#forget(watched);
      this.#watched.delete(id);
    }
    for (const probed of running) {
      if (!this.#watched.has(probed.target.id)) this.#begin(probed, podIp);
    }
  }

  stop(): void {
    for (const watched of this.#watched.values()) this.#forget(watched);
    this.#watched.clear();
  }

  #forget(watched: Watched): void {
    watched.stop.abort();
    for (const timer of watched.timers.values()) clearTimeout(timer);
  }

  #begin({ target, container, wasStarted, wasReady }: Probed, podIp: string): void {
    const watched: Watched = {
      timers: new Map(),
      stop: new AbortController(),
      started: container.startupProbe === undefined || wasStarted,
      ready: container.readinessProbe === undefined || wasReady,
      failure: undefined,
    };
    this.#watched.set(target.id, watched);
    const probes: readonly [Kind, Probe | undefined][] = [
      ['Startup', container.startupProbe],
      ['Liveness', container.livenessProbe],
      ['Readiness', container.readinessProbe],
    ];
    for (const [kind, probe] of probes) {
      if (probe !== undefined) this.#run(kind, probe, watched, target, container, podIp);
    }
  }

  #run(
    kind: Kind,
    probe: Probe,
    watched: Watched,
    target: RuntimeContainer,
    container: Container,
    podIp: string,
  ): void {
    let good = 0;
    let bad = 0;
    const periodMs = (probe.periodSeconds ?? 10) * 1000;
    const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
    // Such early tries can pass but not fail: what fails counts from the first full period on.
    let earlyMs = kind === 'Liveness' ? periodMs : firstRetryMs;
    const again = (waitMs: number): void => {
      if (watched.stop.signal.aborted || (kind === 'Startup' && watched.started)) return;
      watched.timers.set(
        kind,
        setTimeout(() => void once(), waitMs),
      );
    };
    const once = async (): Promise<void> => {
      // Liveness and readiness wait for the startup probe.
      if (kind !== 'Startup' && !watched.started) return again(Math.min(periodMs, 1_000));
      let failure: string | undefined;
      try {
        await runHandler(
          probe,
          { containerId: target.id, container, podIp },
          this.#options.runtime,
          timeoutMs,
        );
      } catch (error) {
        failure = error instanceof Error ? error.message : String(error);
      }
      if (watched.stop.signal.aborted) return;
      const result = failure === undefined ? 'successful' : 'failed';
      this.#options.metrics.probes.inc({ probe_type: kind, result });
      if (failure !== undefined && earlyMs < periodMs) {
        earlyMs *= 2;
        return again(Math.min(earlyMs, periodMs));
      }
      earlyMs = periodMs;
      if (failure === undefined) {
        good += 1;
        bad = 0;
      } else {
        bad += 1;
        good = 0;
        this.#options.onUnhealthy(container, kind, `${kind} probe failed: ${failure}`);
      }
      if (good >= (probe.successThreshold ?? 1)) this.#passed(kind, watched);
      if (bad >= (probe.failureThreshold ?? 3)) this.#failed(kind, watched, container);
      again(periodMs);
    };
    const since = Date.now() - target.startedAt;
    const delay = Math.max(0, (probe.initialDelaySeconds ?? 0) * 1000 - since);
    watched.timers.set(
      kind,
      setTimeout(() => void once(), delay),
    );
  }

  #passed(kind: Kind, watched: Watched): void {
    if (kind === 'Startup' && !watched.started) watched.started = true;
    else if (kind === 'Readiness' && !watched.ready) watched.ready = true;
    else return;
    this.#options.onChange();
  }

  #failed(kind: Kind, watched: Watched, container: Container): void {
    if (kind === 'Readiness') {
      if (!watched.ready) return;
      watched.ready = false;
    } else {
      if (watched.failure !== undefined) return;
      const name = kind.toLowerCase();
      watched.failure = `Container ${container.name} failed ${name} probe, will be restarted`;
    }
    this.#options.onChange();
  }
}
