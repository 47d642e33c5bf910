/** The end of a container's things, after a removal or a creation that failed. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { unmount } from '@timonier/linux/mount';
import { bundleFolder, type Runtime } from '../runtime/context.ts';

/** Takes away everything a container has; what is not there is skipped. */
export async function discard(runtime: Runtime, id: string): Promise<void> {
  const bundle = bundleFolder(runtime.settings, id);
  await runtime.oci.delete(id);
  unmount(join(bundle, 'rootfs'), { lazy: true });
  rmSync(bundle, { recursive: true, force: true });
  rmSync(join(runtime.oci.exitsFolder, id), { force: true });
  runtime.containers.remove(id);
}
