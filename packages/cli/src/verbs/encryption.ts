/** `timonier encryption rotate`: changes the key that encrypts a cluster's secrets in its store. */
import { join } from 'node:path';
import { durationFlag } from '@timonier/component';
import { encryptionFileIn, rotateEncryption } from '../cluster/encryption-rotation.ts';
import { openCluster } from '../cluster/local-cluster.ts';
import { clusterFlags, defineVerb } from './verb.ts';

export const encryption = defineVerb({
  name: 'encryption',
  usage: 'rotate',
  summary: 'changes the key that encrypts secrets in the store, on every master',
  examples: ['timonier encryption rotate'],
  flags: {
    ...clusterFlags,
    'step-timeout': durationFlag(60_000, 'how long each of the steps may take'),
  },
  choice: { what: 'action', known: { rotate: 'to a new key, in steps that leave every secret readable' } },
  maxArguments: 1,
  needsRoot: true,
  run: async ({ flags }) => {
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
