/** Puts a runtime together and takes up what an earlier process left: records, mounts, running containers. */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerEventType } from '@timonier/grpc/cri';
import { cgroupLayout } from '@timonier/linux/cgroup';
import { mountPoints, unmount } from '@timonier/linux/mount';
import { checkExit, ExitWatch } from '../container/exits.ts';
import { discard } from '../container/discard.ts';
import { BlobStore } from '../image/blobs.ts';
import { Images } from '../image/images.ts';
import { tearDown } from '../sandbox/tear-down.ts';
import { boundingSet } from './capabilities.ts';
import { Cni } from './cni.ts';
import { bundleFolder, type Log, nowNanoseconds, type Runtime } from './context.ts';
import { EventHub } from './events.ts';
import { Locks } from './locks.ts';
import { OciRuntime } from './oci.ts';
import { type ContainerRecord, Records, type SandboxRecord } from './records.ts';
import type { Settings } from './settings.ts';

export interface RuntimeEvent {
  readonly type: ContainerEventType;
  readonly containerId: string;
  readonly sandboxId: string;
  readonly at: number;
}

export interface OpenRuntime {
  readonly runtime: Runtime;
  readonly events: EventHub<RuntimeEvent>;
  readonly close: () => void;
}

export async function openRuntime(settings: Settings, log: Log): Promise<OpenRuntime> {
  await mkdir(settings.root, { recursive: true, mode: 0o700 });
  await mkdir(settings.state, { recursive: true, mode: 0o700 });
  const sandboxes = new Records<SandboxRecord>(join(settings.root, 'sandboxes'), 'sandbox');
  const containers = new Records<ContainerRecord>(join(settings.root, 'containers'), 'container');
  sandboxes.load();
  containers.load();
  const images = new Images(settings.root, new BlobStore(settings.root));
  await images.load();
  const events = new EventHub<RuntimeEvent>();
  const waiters = new Map<string, Set<() => void>>();
  const runtime: Runtime = {
    settings,
    log,
    images,
    sandboxes,
    containers,
    oci: new OciRuntime(settings),
    cni: new Cni(settings.cniConfDir, settings.cniBinDirs),
    locks: new Locks(),
    cgroups: cgroupLayout(),
    availableCapabilities: boundingSet(),
    emit: (type, containerId, sandboxId) => {
      events.publish({ type, containerId, sandboxId, at: nowNanoseconds() });
      if (type === 'CONTAINER_STOPPED_EVENT') for (const wake of waiters.get(containerId) ?? []) wake();
    },
    waitForExit: (containerId, timeoutMs) => {
      checkExit(runtime, containerId);
      const ended = (): boolean => {
        const state = containers.find(containerId)?.state;
        return state === undefined || state === 'CONTAINER_EXITED';
      };
      if (ended()) return Promise.resolve(true);
      return new Promise((resolve) => {
        const set = waiters.get(containerId) ?? new Set();
        waiters.set(containerId, set);
        const finish = (): void => {
          clearTimeout(timer);
          set.delete(finish);
          if (set.size === 0) waiters.delete(containerId);
          resolve(ended());
        };
        const timer = setTimeout(finish, timeoutMs);
        set.add(finish);
      });
    },
  };
  await reconcile(runtime);
  const exits = new ExitWatch(runtime);
  exits.start();
  return { runtime, events, close: () => exits.stop() };
}

/** Finishes what was begun when the last process ended, and removes what belongs to nobody. */
async function reconcile(runtime: Runtime): Promise<void> {
  for (const container of runtime.containers.list()) {
    const orphan = runtime.sandboxes.find(container.sandboxId) === undefined;
    if (container.state === 'CONTAINER_UNKNOWN' || orphan) await discard(runtime, container.id);
  }
  for (const sandbox of runtime.sandboxes.list()) {
    // Never became ready: nobody was told its ID.
    if (!sandbox.ready && sandbox.pause === undefined) {
      await tearDown(runtime, sandbox).catch((error: unknown) => {
        runtime.log.warn({ err: error, sandbox: sandbox.id }, 'cannot take down an unfinished sandbox');
      });
      runtime.sandboxes.remove(sandbox.id);
    }
  }
  const bundles = join(runtime.settings.state, 'bundles');
  mkdirSync(bundles, { recursive: true });
  for (const id of readdirSync(bundles)) {
    if (runtime.containers.find(id) !== undefined || runtime.sandboxes.find(id) !== undefined) continue;
    const bundle = bundleFolder(runtime.settings, id);
    await runtime.oci.delete(id);
    unmount(join(bundle, 'rootfs'), { lazy: true });
    // Deleting through a mount would delete somebody's files.
    if (!mountPoints().some(({ target }) => target.startsWith(bundle)))
      rmSync(bundle, { recursive: true, force: true });
  }
}
