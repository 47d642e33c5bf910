/**
 * Learns that containers ended: conmon writes each exit code to a file named after the container, the kernel tells
 * us of new files. Twice a minute, and at start, everything is compared again, so that neither a lost notice nor a
 * killed conmon leaves a container running on paper.
 */
import { existsSync, type FSWatcher, readdirSync, readFileSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';
import { bundleFolder, nowNanoseconds, type Runtime } from '../runtime/context.ts';
import { isAlive } from '../runtime/process.ts';
import { isReady } from '../sandbox/status.ts';

const compareEveryMs = 5_000;
/** conmon writes the exit file after it has drained the output, so a dead process without one gets this long. */
const missingExitGraceMs = 10_000;

export class ExitWatch {
  readonly #runtime: Runtime;
  readonly #missingSince = new Map<string, number>();
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  start(): void {
    this.#watcher = watch(this.#runtime.oci.exitsFolder, (_type, name) => {
      if (name !== null) checkExit(this.#runtime, name);
    });
    this.#watcher.on('error', (error) =>
      this.#runtime.log.error({ err: error }, 'watching for exits failed'),
    );
    this.compare();
    this.#timer = setInterval(() => this.compare(), compareEveryMs);
    this.#timer.unref();
  }

  stop(): void {
    this.#watcher?.close();
    clearInterval(this.#timer);
  }

  compare(): void {
    const runtime = this.#runtime;
    for (const name of readdirSync(runtime.oci.exitsFolder)) checkExit(runtime, name);
    for (const { id, process, state } of runtime.containers.list()) {
      if ((state !== 'CONTAINER_RUNNING' && state !== 'CONTAINER_CREATED') || isAlive(process)) {
        this.#missingSince.delete(id);
        continue;
      }
      const since = this.#missingSince.get(id) ?? Date.now();
      this.#missingSince.set(id, since);
      if (Date.now() - since < missingExitGraceMs && existsSync(bundleFolder(runtime.settings, id))) continue;
      this.#missingSince.delete(id);
      recordExit(
        runtime,
        id,
        255,
        nowNanoseconds(),
        'Unknown',
        'the container ended without telling its exit code',
      );
    }
    for (const sandbox of runtime.sandboxes.list()) {
      if (!sandbox.ready || isReady(sandbox)) continue;
      runtime.sandboxes.update(sandbox.id, { ready: false });
      runtime.log.warn({ sandbox: sandbox.id }, 'the pause process of a sandbox is gone');
      runtime.emit('CONTAINER_STOPPED_EVENT', sandbox.id, sandbox.id);
    }
  }
}

/** Reads a container's exit file, if there is one and it is news. */
export function checkExit(runtime: Runtime, id: string): void {
  const container = runtime.containers.find(id);
  if (container === undefined || container.id !== id) return;
  if (container.state !== 'CONTAINER_RUNNING' && container.state !== 'CONTAINER_CREATED') return;
  const file = join(runtime.oci.exitsFolder, id);
  let code: number;
  let finishedAt: number;
  try {
    const text = readFileSync(file, 'utf8').trim();
    if (!/^-?\d+$/.test(text)) return;
    code = Number(text);
    finishedAt = Math.round(statSync(file).mtimeMs * 1e6);
  } catch {
    return;
  }
  const outOfMemory = existsSync(join(bundleFolder(runtime.settings, id), 'oom'));
  const reason = outOfMemory ? 'OOMKilled' : code === 0 ? 'Completed' : 'Error';
  recordExit(runtime, id, code, finishedAt, reason, '');
}

function recordExit(
  runtime: Runtime,
  id: string,
  exitCode: number,
  finishedAt: number,
  reason: string,
  message: string,
): void {
  const container = runtime.containers.update(id, {
    state: 'CONTAINER_EXITED',
    exitCode,
    finishedAt,
    reason,
    message,
  });
  runtime.emit('CONTAINER_STOPPED_EVENT', id, container.sandboxId);
}
