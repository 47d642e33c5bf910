/**
 * Writes pod statuses: the newest one of each pod, one write of a pod at a time, again until it succeeds. What the
 * API server already has is not written. Writes carry the pod's uid, so they never reach a successor of that name.
 */
import { resources, type Pod, type PodStatus } from '@timonier/api';
import { ApiError, isConflict, isNotFound, type ApiClient } from '@timonier/client';
import { podIdentity } from '../pod/pod-facts.ts';

interface Entry {
  pod: Pod;
  status: PodStatus;
  written: string | undefined;
  writing: boolean;
  failures: number;
  timer: NodeJS.Timeout | undefined;
}

const maxEntries = 5_000;
const maxRetryMs = 5_000;

export class StatusWriter {
  readonly #client: ApiClient;
  readonly #onError: (error: unknown) => void;
  readonly #entries = new Map<string, Entry>();
  #stopped = false;

  constructor(client: ApiClient, onError: (error: unknown) => void) {
    this.#client = client;
    this.#onError = onError;
  }

  publish(pod: Pod, status: PodStatus): void {
    const { uid } = podIdentity(pod);
    let entry = this.#entries.get(uid);
    if (entry === undefined) {
      if (this.#entries.size >= maxEntries) return;
      entry = {
        pod,
        status,
        written: comparable(pod.status, status),
        writing: false,
        failures: 0,
        timer: undefined,
      };
      this.#entries.set(uid, entry);
    }
    entry.pod = pod;
    entry.status = status;
    if (!entry.writing && entry.timer === undefined) void this.#write(uid, entry);
  }

  /** The status last published for a pod. */
  latest(uid: string): PodStatus | undefined {
    return this.#entries.get(uid)?.status;
  }

  /** Writes the last status of a pod, deletes its API object for good, and forgets it. */
  async finish(pod: Pod, status: PodStatus): Promise<void> {
    const { namespace, name, uid } = podIdentity(pod);
    this.forget(uid);
    try {
      await this.#patch(pod, status);
      await this.#client.delete(
        resources.pods,
        { namespace, name },
        { gracePeriodSeconds: 0, preconditions: { uid } },
      );
    } catch (error) {
      // Gone already, or its successor stands in its place: nothing is left to do.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  forget(uid: string): void {
    clearTimeout(this.#entries.get(uid)?.timer);
    this.#entries.delete(uid);
  }

  stop(): void {
    this.#stopped = true;
    for (const uid of this.#entries.keys()) this.forget(uid);
  }

  async #write(uid: string, entry: Entry): Promise<void> {
    const { pod, status } = entry;
    const text = comparable(status, status);
    if (text === entry.written || this.#stopped) return;
    entry.writing = true;
    try {
      await this.#patch(pod, status);
      entry.written = text;
      entry.failures = 0;
    } catch (error) {
      if (isNotFound(error) || isConflict(error)) {
        entry.written = text;
      } else {
        entry.failures += 1;
        const refused = error instanceof ApiError && error.status.code === 422;
        if (refused || entry.failures === 1) this.#onError(error);
        const wait = Math.min(maxRetryMs, 100 * 2 ** Math.min(entry.failures, 10));
        entry.timer = setTimeout(() => {
          entry.timer = undefined;
          void this.#write(uid, entry);
        }, wait);
      }
    } finally {
      entry.writing = false;
    }
    if (entry.status !== status && entry.timer === undefined && this.#entries.get(uid) === entry) {
      void this.#write(uid, entry);
    }
  }

  async #patch(pod: Pod, status: PodStatus): Promise<void> {
    const { namespace, name, uid } = podIdentity(pod);
    // Lists with merge keys would keep addresses of an earlier sandbox.
    // and conditions that hold now would keep why they did not.
    const replaced = {
      conditions: status.conditions?.map((one) => ({ reason: null, message: null, ...one })),
      ...(status.podIPs === undefined ? {} : { podIPs: [{ $patch: 'replace' }, ...status.podIPs] }),
      ...(status.hostIPs === undefined ? {} : { hostIPs: [{ $patch: 'replace' }, ...status.hostIPs] }),
    };
    await this.#client.patch(
      resources.pods,
      { namespace, name },
      'strategic',
      { metadata: { uid }, status: { reason: null, message: null, ...status, ...replaced } },
      { subresource: 'status', fieldManager: 'kubelet' },
    );
  }
}

/** The fields of `status` that `shape` has, as text to compare; other people's conditions are left out. */
function comparable(status: PodStatus | undefined, shape: PodStatus): string {
  const types = new Set(shape.conditions?.map(({ type }) => type));
  const own: Record<string, unknown> = {};
  for (const key of Object.keys(shape).sort() as (keyof PodStatus)[]) {
    own[key] =
      key === 'conditions'
        ? status?.conditions
            ?.filter(({ type }) => types.has(type))
            .map(sorted)
            .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
        : sorted(status?.[key]);
  }
  return JSON.stringify(own);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}
