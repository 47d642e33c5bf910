/**
 * `timonier down`: stops a cluster and removes everything it made in the kernel, whether its `up` is alive or was
 * killed. The data stays unless `--purge` is given.
 */
import { existsSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { booleanFlag } from '@timonier/component';
import { LocalCluster } from '../cluster/local-cluster.ts';
import { isAlive, readRecord } from '../cluster/record.ts';
import { defaultDataDir, readSettings } from '../cluster/settings.ts';
import { defineVerb, clusterFlags } from './verb.ts';

const upGetsMs = 25_000;

export const down = defineVerb({
  name: 'down',
  usage: '[--name NAME] [--purge]',
  summary: 'stops a cluster and removes everything but its data',
  examples: ['timonier down', 'timonier down --name second --purge'],
  flags: {
    ...clusterFlags,
    purge: booleanFlag(false, 'remove the data too'),
  },
  needsRoot: true,
  run: async ({ flags }) => {
    const record = readRecord(flags.name);
    if (record !== undefined) await stopCluster(new LocalCluster(record));
    const dataDir = record?.dataDir ?? (flags['data-dir'] || defaultDataDir(flags.name));
    if (flags.purge) {
      if (existsSync(dataDir) && readSettings(dataDir)?.name !== flags.name) {
        throw new Error(
          `${dataDir} is not the data directory of cluster "${flags.name}"; nothing was removed there`,
        );
      }
      rmSync(dataDir, { recursive: true, force: true });
    }
    const stopped = record === undefined ? 'was not running' : 'is down';
    process.stdout.write(
      `Cluster "${flags.name}" ${stopped}${flags.purge ? '; its data is removed' : ''}.\n`,
    );
    return 0;
  },
});

/** Lets a living `up` take its own cluster down, and does the rest itself. */
async function stopCluster(cluster: LocalCluster): Promise<void> {
  const { up, spec } = cluster.record;
  if (isAlive(up)) {
    process.kill(up.pid, 'SIGTERM');
    const deadline = Date.now() + upGetsMs;
    while (isAlive(up) && Date.now() < deadline) await delay(50);
    if (isAlive(up)) process.kill(up.pid, 'SIGKILL');
  }
  if (readRecord(spec.name) !== undefined) await cluster.remove(5_000);
}
