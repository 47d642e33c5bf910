/**
 * Keeps container logs from growing without end: a log beyond its size is renamed, the runtime is told to open a new
 * one, and only the newest few of a container are kept. Runtimes that rotate by themselves leave nothing to do here.
 */
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Runtime } from '../runtime/runtime.ts';

export interface LogRotationOptions {
  readonly runtime: Runtime;
  readonly logRoot: string;
  readonly maxBytes: number;
  /** Files of one container start, the current one included. */
  readonly maxFiles: number;
}

const rotationMs = 10_000;

/** Round after round, one at a time, until it is stopped. */
export function keepRotating(
  options: LogRotationOptions,
  onError: (error: unknown) => void,
): { stop(): void } {
  let rotating = false;
  const timer = setInterval(() => {
    if (rotating) return;
    rotating = true;
    void rotateLogs(options)
      .catch(onError)
      .finally(() => {
        rotating = false;
      });
  }, rotationMs);
  return { stop: () => clearInterval(timer) };
}

/** One round over all logs. Rejects with the first problem, after having tried every log. */
async function rotateLogs(options: LogRotationOptions): Promise<void> {
  let failure: unknown;
  for (const folder of await namesIn(options.logRoot)) {
    const uid = folder.split('_').at(-1) ?? '';
    for (const container of await namesIn(join(options.logRoot, folder))) {
      const directory = join(options.logRoot, folder, container);
      for (const file of await namesIn(directory)) {
        if (!/^\d+\.log$/.test(file)) continue;
        try {
          await rotateOne(join(directory, file), directory, file, uid, options);
        } catch (error) {
          failure ??= error;
        }
      }
    }
  }
  if (failure !== undefined) throw failure;
}

async function rotateOne(
  path: string,
  directory: string,
  file: string,
  uid: string,
  { runtime, maxBytes, maxFiles }: LogRotationOptions,
): Promise<void> {
  const { size } = await stat(path);
  if (size < maxBytes) return;
  const state = await runtime.inspectPod(uid);
  const container = state.containers.find(({ logPath, state: now }) => logPath === path && now === 'running');
  if (container === undefined) return;
  const rotated = `${path}.${new Date().toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15)}`;
  await rename(path, rotated);
  try {
    await runtime.cri.runtime.ReopenContainerLog({ containerId: container.id });
  } catch (error) {
    // The runtime still writes to the old file; under its old name nothing is lost.
    await rename(rotated, path);
    throw error;
  }
  const old = (await namesIn(directory)).filter((name) => name.startsWith(`${file}.`)).sort();
  for (const name of old.slice(0, Math.max(0, old.length - (maxFiles - 1)))) {
    await rm(join(directory, name), { force: true });
  }
}

async function namesIn(directory: string): Promise<string[]> {
  return readdir(directory).catch(() => []);
}
