/**
 * The frame of a control loop: objects that change put keys into a queue, and `sync` brings one key to its desired
 * state. Every key that exists is queued when a term starts, so nothing depends on having seen an event.
 */
import {
  type ApiClient,
  type CatchingInformer,
  type EventRecorder,
  isConflict,
  isStaleEpoch,
  type KubeObject,
  type Stoppable,
  type Term,
  WorkQueue,
  type WorkQueueMetrics,
} from '@timonier/client';
import type { LoopLog } from '@timonier/client/loop-process';
import type { Identity } from '@timonier/pki';
import type { Informers } from './informers.ts';

/** What every controller gets for one term. */
export interface LoopContext {
  readonly client: ApiClient;
  readonly informers: Informers;
  readonly term: Term;
  readonly recorder: EventRecorder;
  readonly log: LoopLog;
  readonly queueMetrics: WorkQueueMetrics;
  readonly settings: ControllerSettings;
}

/** What an operator can set; defaults are in `start.ts`. */
export interface ControllerSettings {
  readonly clusterCidr: string;
  readonly nodeCidrMaskSize: number;
  readonly nodeMonitorGraceMs: number;
  readonly defaultEvictionMs: number;
  /** Nodes per second that may be given up; see `nodelifecycle/disruption.ts`. */
  readonly nodeEvictionRate: number;
  readonly secondaryNodeEvictionRate: number;
  readonly largeClusterSizeThreshold: number;
  readonly unhealthyZoneThreshold: number;
  readonly dnsServiceAddress: string;
  readonly terminatedPodThreshold: number;
  /** PEM of the cluster's CA, published in every namespace; empty for none. */
  readonly rootCa: string;
  /** Where hosts that join find the API server, as a URL; empty when nobody is to be told. */
  readonly apiServer: string;
  /** The authority that signs certificates for those who ask with a request; undefined for none. */
  readonly signing: SigningAuthority | undefined;
}

export interface SigningAuthority extends Identity {
  /** What a certificate lives, unless a shorter life is asked for. */
  readonly durationMs: number;
}

/** Says which keys a change of an object concerns. */
export interface Feed {
  /** `enqueue` takes the key at once, or after a while. */
  subscribe(enqueue: (key: string, afterMs?: number) => void): () => void;
}

/** A feed from an informer; `keysOf` sees the object and, at an update, the one before as well. */
export function feed<T extends KubeObject>(
  informer: CatchingInformer<T>,
  keysOf: (object: T) => Iterable<string>,
): Feed {
  return {
    subscribe(enqueue) {
      const unsubscribe = informer.on(({ object, previous }) => {
        for (const key of keysOf(object)) enqueue(key);
        if (previous !== undefined) for (const key of keysOf(previous)) enqueue(key);
      });
      for (const object of informer.list()) for (const key of keysOf(object)) enqueue(key);
      return unsubscribe;
    },
  };
}

export interface QueueLoopOptions {
  readonly name: string;
  readonly concurrency: number;
  readonly feeds: readonly Feed[];
  /** The longest pause after failures in a row; a minute unless told. */
  readonly maxDelayMs?: number;
  readonly sync: (key: string) => Promise<void | { readonly againAfterMs: number }>;
}

export function startQueueLoop(context: LoopContext, options: QueueLoopOptions): Stoppable {
  const { log, term, queueMetrics } = context;
  const queue = new WorkQueue({
    name: options.name,
    concurrency: options.concurrency,
    process: (key) => (term.signal.aborted ? Promise.resolve() : options.sync(key)),
    metrics: queueMetrics,
    ...(options.maxDelayMs === undefined ? {} : { maxDelayMs: options.maxDelayMs }),
    onError: (key, error, failures) => {
      // Losing a race is ordinary: the next run reads what won.
      const ordinary = isConflict(error) || isStaleEpoch(error) || term.signal.aborted;
      const fields = { controller: options.name, key, failures, err: error };
      if (ordinary) log.debug(fields, 'sync will be repeated');
      else log.warn(fields, 'sync failed, will be repeated');
    },
  });
  const unsubscribe = options.feeds.map((source) =>
    source.subscribe((key, afterMs = 0) => queue.addAfter(key, afterMs)),
  );
  return {
    stop: async () => {
      for (const end of unsubscribe) end();
      await queue.stop();
    },
  };
}
