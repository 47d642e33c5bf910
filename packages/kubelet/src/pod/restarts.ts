/**
 * When the containers of one pod may be started again, and why they wait until then. In: what ended in the runtime
 * and which starts failed. Out: times for the decision, reasons for the status, and one call per wait that begins.
 */
import type { Pod } from '@timonier/api';
import { containersNamed, type RuntimePod } from '../runtime/runtime-pod.ts';
import { RestartBackoff } from './backoff.ts';
import type { StartError } from './container-start.ts';
import { initContainers, isSidecar, mainContainers } from './pod-facts.ts';
import type { WaitingReason } from './status.ts';

export class Restarts {
  /** Container name → why it is not running. */
  readonly waiting = new Map<string, WaitingReason>();
  readonly #retryAt = new Map<string, number>();
  readonly #backoff = new RestartBackoff();
  readonly #told = new Map<string, number>();
  readonly #onBackOff: (container: string) => void;

  constructor(onBackOff: (container: string) => void) {
    this.#onBackOff = onBackOff;
  }

  started(container: string): void {
    this.waiting.delete(container);
    this.#retryAt.delete(container);
  }

  startFailed(container: string, { reason, message, retryAt }: StartError): void {
    this.waiting.set(container, { reason, message });
    this.#retryAt.set(container, retryAt);
  }

  /** Containers that ended and will run again wait longer each time. Returns when each may be started. */
  noteExits(pod: Pod, state: RuntimePod, busy: ReadonlySet<string>): Map<string, number> {
    const notBefore = new Map(this.#retryAt);
    const policy = pod.spec?.restartPolicy ?? 'Always';
    for (const container of [...initContainers(pod), ...mainContainers(pod)]) {
      const latest = containersNamed(state, container.name)[0];
      if (latest?.state !== 'exited' || busy.has(container.name)) continue;
      const isInit = initContainers(pod).includes(container) && !isSidecar(container);
      const again = isInit
        ? latest.exitCode !== 0 && policy !== 'Never'
        : policy === 'Always' || isSidecar(container) || (policy === 'OnFailure' && latest.exitCode !== 0);
      if (!again) continue;
      const ranFor = latest.finishedAt - latest.startedAt;
      const { at, delayMs } = this.#backoff.failed(container.name, latest.finishedAt, ranFor);
      if (at <= Date.now()) {
        if (this.waiting.get(container.name)?.reason === 'CrashLoopBackOff')
          this.waiting.delete(container.name);
        continue;
      }
      notBefore.set(container.name, Math.max(at, notBefore.get(container.name) ?? 0));
      const where = `${container.name} pod=${pod.metadata?.name}_${pod.metadata?.namespace}(${pod.metadata?.uid})`;
      this.waiting.set(container.name, {
        reason: 'CrashLoopBackOff',
        message: `back-off ${delayMs / 1000}s restarting failed container=${where}`,
      });
      if (this.#told.get(container.name) === latest.finishedAt) continue;
      this.#told.set(container.name, latest.finishedAt);
      this.#onBackOff(container.name);
    }
    return notBefore;
  }
}
