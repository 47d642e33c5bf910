/** Where a sandbox has what is pinned or mounted for it. */
import { join } from 'node:path';
import type { Runtime } from '../runtime/context.ts';

export function namespaceFolder(runtime: Runtime, id: string): string {
  return join(runtime.settings.state, 'namespaces', id);
}

export function sharedMemoryFolder(runtime: Runtime, id: string): string {
  return join(runtime.settings.state, 'shm', id);
}
