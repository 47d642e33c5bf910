/** What an operator decides about the runtime, from its flags. */
import type { RegistryConfig } from '../image/registry-config.ts';

export interface Settings {
  /** Survives reboots: images, writable layers, records. */
  readonly root: string;
  /** Does not survive reboots: bundles, pinned namespaces, exit codes. */
  readonly state: string;
  /** Path of crun or runc. */
  readonly ociRuntime: string;
  readonly conmon: string;
  /** A static busybox: the pause process. */
  readonly busybox: string;
  readonly cniConfDir: string;
  readonly cniBinDirs: readonly string[];
  /** Prefix of every pod's cgroup. */
  readonly cgroupParent: string;
  /** Where exec, attach and port-forward are served. */
  readonly streamAddress: string;
  readonly registries: RegistryConfig;
}
