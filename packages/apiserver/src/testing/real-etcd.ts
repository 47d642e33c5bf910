/** For tests: Debian's etcd on ports of the kernel's choice, in a folder of its own, ended with the test. */
import { testPort, testPorts } from '@timonier/linux/test-ports';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { StoreClient } from '../storage/store-client.ts';

export interface RealEtcd {
  readonly endpoint: string;
}

const startDeadlineMs = 60_000;

export async function startEtcd(t: Pick<TestContext, 'after'>): Promise<RealEtcd> {
  const directory = await mkdtemp(join(tmpdir(), 'timonier-apiserver-etcd-'));
  const [client, peer] = await testPorts(2);
  const endpoint = `http://127.0.0.1:${client}`;
  const peerUrl = `http://127.0.0.1:${peer}`;
  const etcd = spawn(
    'etcd',
    [
      `--data-dir=${directory}`,
      `--listen-client-urls=${endpoint}`,
      `--advertise-client-urls=${endpoint}`,
      `--listen-peer-urls=${peerUrl}`,
      `--initial-advertise-peer-urls=${peerUrl}`,
      `--initial-cluster=default=${peerUrl}`,
      // A member that is alone would wait most of a second, as long as others might take to be heard, before it elects itself.
      '--heartbeat-interval=20',
      '--election-timeout=100',
    ],
    { stdio: 'ignore' },
  );
  const exited = new Promise<void>((resolve, reject) => {
    etcd.once('exit', () => resolve());
    etcd.once('error', reject);
  });
  t.after(async () => {
    etcd.kill('SIGKILL');
    await exited.catch(() => undefined);
    await rm(directory, { recursive: true, force: true });
  });
  const probe = new StoreClient({ endpoints: [endpoint], timeoutMs: startDeadlineMs });
  try {
    await Promise.race([
      probe.range({ key: 'ready' }),
      exited.then(() => Promise.reject(new Error('etcd ended'))),
    ]);
  } finally {
    probe.close();
  }
  return { endpoint };
}

export { testPort as freePort };
