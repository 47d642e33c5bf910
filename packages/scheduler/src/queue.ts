/**
 * Pods that wait for a node, in three places: *active* (to be tried now, by priority, then age), *backoff* (tried,
 * to be tried again after 1 to 10 s) and *unschedulable* (tried, to be tried again when the cluster changes, or
 * after a minute in case a change was missed). Holds uids and pods only, so its size is bounded by the pods there are.
 */
import type { Pod } from '@timonier/api';

interface Waiting {
  pod: Pod;
  attempts: number;
  place: 'active' | 'backoff' | 'unschedulable';
  /** When it leaves backoff or unschedulable by itself. */
  until: number;
}

export interface QueueTimes {
  readonly initialBackoffMs: number;
  readonly maxBackoffMs: number;
  readonly unschedulableMs: number;
}

type Place = Waiting['place'];

export class SchedulingQueue {
  readonly #pods = new Map<string, Waiting>();
  /** Active pods by priority, each in order of arrival. */
  readonly #active = new Map<number, Map<string, Waiting>>();
  readonly #times: QueueTimes;
  readonly #onCome: (place: Place, event: string) => void;
  #moves = 0;

  /** `onCome` is told where a pod has come and, by upstream's name, why. */
  constructor(
    times: QueueTimes = { initialBackoffMs: 1_000, maxBackoffMs: 10_000, unschedulableMs: 60_000 },
    onCome: (place: Place, event: string) => void = () => undefined,
  ) {
    this.#times = times;
    this.#onCome = onCome;
  }

  counts(): { active: number; backoff: number; unschedulable: number } {
    const counts = { active: 0, backoff: 0, unschedulable: 0 };
    for (const { place } of this.#pods.values()) counts[place] += 1;
    return counts;
  }

  get size(): number {
    return this.#pods.size;
  }

  /** A pod that appeared or changed. A changed pod is tried at once: the change may be what it needed. */
  set(pod: Pod, changed: boolean): void {
    const uid = pod.metadata?.uid ?? '';
    const known = this.#pods.get(uid);
    if (known === undefined) {
      const waiting: Waiting = { pod, attempts: 0, place: 'active', until: 0 };
      this.#pods.set(uid, waiting);
      this.#activate(uid, waiting, 'UnschedulablePodAdd');
      return;
    }
    known.pod = pod;
    if (changed && known.place === 'unschedulable') this.#activate(uid, known, 'UnschedulablePodUpdate');
  }

  delete(uid: string): void {
    const known = this.#pods.get(uid);
    if (known === undefined) return;
    this.#pods.delete(uid);
    this.#leaveActive(uid, known);
  }

  /** The next pod to try. It is out of the queue until `retry` or `unschedulable` gives it back. */
  pop(): { pod: Pod; attempts: number; moves: number } | undefined {
    for (const [priority, entries] of [...this.#active].sort(([a], [b]) => b - a)) {
      for (const [uid, waiting] of entries) {
        entries.delete(uid);
        if (entries.size === 0) this.#active.delete(priority);
        this.#pods.delete(uid);
        return { pod: waiting.pod, attempts: waiting.attempts + 1, moves: this.#moves };
      }
    }
    return undefined;
  }

  /** Gives a pod back that failed for a passing reason. */
  retry(pod: Pod, attempts: number, now: number): void {
    this.#wait(pod, attempts, 'backoff', now + this.#backoffMs(attempts));
  }

  /** Gives a pod back that fits nowhere; when the cluster moved meanwhile it only backs off. */
  unschedulable(pod: Pod, attempts: number, moves: number, now: number): void {
    if (moves === this.#moves) this.#wait(pod, attempts, 'unschedulable', now + this.#times.unschedulableMs);
    else this.retry(pod, attempts, now);
  }

  /** Something changed that may make room: whatever was unschedulable is tried again after its backoff. */
  moveAll(now: number, event: string): void {
    this.#moves += 1;
    for (const [uid, waiting] of this.#pods) {
      if (waiting.place !== 'unschedulable') continue;
      const backoffEnds = waiting.until - this.#times.unschedulableMs + this.#backoffMs(waiting.attempts);
      if (backoffEnds <= now) this.#activate(uid, waiting, event);
      else {
        waiting.place = 'backoff';
        waiting.until = backoffEnds;
        this.#onCome('backoff', event);
      }
    }
  }

  /** Activates what has waited long enough; returns when to call again. */
  flush(now: number): number | undefined {
    let next: number | undefined;
    for (const [uid, waiting] of this.#pods) {
      if (waiting.place === 'active') continue;
      if (waiting.until <= now)
        this.#activate(
          uid,
          waiting,
          waiting.place === 'backoff' ? 'PopFromBackoffQ' : 'UnschedulableTimeout',
        );
      else next = Math.min(next ?? Infinity, waiting.until);
    }
    return next;
  }

  #backoffMs(attempts: number): number {
    return Math.min(this.#times.maxBackoffMs, this.#times.initialBackoffMs * 2 ** Math.max(0, attempts - 1));
  }

  #wait(pod: Pod, attempts: number, place: 'backoff' | 'unschedulable', until: number): void {
    const uid = pod.metadata?.uid ?? '';
    this.#pods.set(uid, { pod, attempts, place, until });
    this.#onCome(place, 'ScheduleAttemptFailure');
  }

  #activate(uid: string, waiting: Waiting, event: string): void {
    waiting.place = 'active';
    this.#onCome('active', event);
    const priority = waiting.pod.spec?.priority ?? 0;
    let entries = this.#active.get(priority);
    if (entries === undefined) this.#active.set(priority, (entries = new Map()));
    entries.set(uid, waiting);
  }

  #leaveActive(uid: string, waiting: Waiting): void {
    const priority = waiting.pod.spec?.priority ?? 0;
    const entries = this.#active.get(priority);
    entries?.delete(uid);
    if (entries?.size === 0) this.#active.delete(priority);
  }
}
