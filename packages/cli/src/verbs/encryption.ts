/** `timonier encryption rotate`: changes the key that encrypts a cluster's secrets in its store. */
import { join } from 'node:path';
import { durationFlag, UsageError } from '@timonier/component';
import { encryptionFileIn, rotateEncryption } from '../cluster/encryption-rotation.ts';
import { openCluster } from '../cluster/local-cluster.ts';
import { clusterFlags, defineVerb, positionalAt } from './verb.ts';

const usage = 'encryption rotate';

export const encryption = defineVerb({
  name: 'encryption',
  usage,
  summary: 'changes the key that encrypts secrets in the store, on every master',
  examples: ['timonier encryption rotate'],
  flags: {
    ...clusterFlags,
    'step-timeout': durationFlag(60_000, 'how long each of the steps may take'),
  },
  maxArguments: 1,
  needsRoot: true,
  run: async ({ flags, positional }) => {
    const action = positionalAt(positional, 0, usage);
    if (action !== 'rotate') throw new UsageError(`unknown action "${action}"; usage: timonier ${usage}`);
    const cluster = openCluster(flags);
    const key = await rotateEncryption({
      source: encryptionFileIn(cluster.pkiDir),
      masters: cluster.masters.map((host) => ({
        name: host.plan.name,
        address: host.plan.address,
        file: encryptionFileIn(join(host.configDir, 'pki')),
      })),
      say: (line) => process.stderr.write(`${line}\n`),
      deadlineMs: flags['step-timeout'],
    });
    process.stdout.write(`secrets are encrypted with ${key}\n`);
    return 0;
  },
});
