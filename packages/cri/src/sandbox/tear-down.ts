/** What a sandbox has in the kernel and on the disk, taken away when it stops or when making it failed. */
import { rmSync } from 'node:fs';
import { bundleFolder, type Runtime } from '../runtime/context.ts';
import { signalProcess } from '../runtime/process.ts';
import type { SandboxRecord } from '../runtime/records.ts';
import { unmountSharedMemory } from './files.ts';
import { unpinNamespaces } from './namespaces.ts';
import { leaveNetwork } from './network.ts';
import { namespaceFolder, sharedMemoryFolder } from './places.ts';

/** Takes down network, pause process and namespaces; what is not there is skipped. */
export async function tearDown(runtime: Runtime, sandbox: SandboxRecord): Promise<void> {
  await leaveNetwork(runtime, sandbox);
  if (sandbox.pause !== undefined) signalProcess(sandbox.pause, 'SIGKILL');
  await runtime.oci.delete(sandbox.id);
  rmSync(bundleFolder(runtime.settings, sandbox.id), { recursive: true, force: true });
  unmountSharedMemory(sharedMemoryFolder(runtime, sandbox.id));
  unpinNamespaces(namespaceFolder(runtime, sandbox.id));
}
