/**
 * What every verb works with: settings, records, images, the OCI runtime, CNI, locks and events. Verbs are functions
 * in files of their own that take this as their first argument.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { ContainerEventType } from '@timonier/grpc/cri';
import type { CgroupLayout } from '@timonier/linux/cgroup';
import type { Images } from '../image/images.ts';
import type { Cni } from './cni.ts';
import type { Locks } from './locks.ts';
import type { OciRuntime } from './oci.ts';
import type { ContainerRecord, Records, SandboxRecord } from './records.ts';
import type { Settings } from './settings.ts';

export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface Runtime {
  readonly settings: Settings;
  readonly log: Log;
  readonly images: Images;
  readonly sandboxes: Records<SandboxRecord>;
  readonly containers: Records<ContainerRecord>;
  readonly oci: OciRuntime;
  readonly cni: Cni;
  readonly locks: Locks;
  readonly cgroups: CgroupLayout;
  readonly availableCapabilities: ReadonlySet<string>;
  /** Tells everyone who listens that something happened to a container (or a sandbox, by its own ID). */
  readonly emit: (type: ContainerEventType, containerId: string, sandboxId: string) => void;
  /** Resolves when the container is recorded as exited; rejects after `timeoutMs`. */
  readonly waitForExit: (containerId: string, timeoutMs: number) => Promise<boolean>;
}

export function newId(): string {
  return randomBytes(16).toString('hex');
}

export function nowNanoseconds(): number {
  return Math.round((performance.timeOrigin + performance.now()) * 1e6);
}

/** The OCI bundle of a sandbox's pause process or a container. */
export function bundleFolder(settings: Settings, id: string): string {
  return join(settings.state, 'bundles', id);
}
