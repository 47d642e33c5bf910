/** The kubelet and the runtime die; the containers do not notice. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../../acceptance/wait.ts';
import { node, type PodBench, statusOf } from '../pod-bench.ts';

export function recovery(bench: () => PodBench): void {
  for (const component of ['kubelet', 'cri']) {
    test(`containers go on while the ${component} is killed, and are looked after again afterwards`, async () => {
      const at = bench();
      const name = `survivor-${component}`;
      await at.run(name, {
        containers: [{ script: 'trap "exit 0" TERM; while :; do echo tick; sleep 0.1; done' }],
      });
      const before = await at.ready(name);
      const started = await at.sh(name, 'cut -d " " -f 22 /proc/1/stat');
      const pid = await pidOf(at, component);
      process.kill(pid, 'SIGKILL');
      await until(`the ${component} runs again`, 120_000, async () =>
        (await pidOf(at, component)) === pid ? undefined : true,
      );
      await at.run(`${name}-next`, { containers: [{}] });
      await at.ready(`${name}-next`);
      assert.equal(await at.sh(name, 'cut -d " " -f 22 /proc/1/stat'), started, 'the same process');
      const after = JSON.parse(await at.kubectl(['get', 'pod', name, '-o', 'json'])) as typeof before;
      assert.equal(statusOf(after)?.containerID, statusOf(before)?.containerID);
      assert.equal(statusOf(after)?.restartCount, 0);
      assert.ok(
        !at
          .history(name)
          .slice(-1)
          .some(({ status }) => status?.phase !== 'Running'),
      );
      const length = async (): Promise<number> => (await at.kubectl(['logs', name])).length;
      const printed = await length();
      await until('the log goes on', 120_000, async () => ((await length()) > printed ? true : undefined));
      await at.sh(name, 'kill -KILL -1; kill 1').catch(() => undefined);
      await at.until(name, 'was restarted when it ended', (pod) => (statusOf(pod)?.restartCount ?? 0) > 0);
    });
  }
}

async function pidOf(at: PodBench, component: string): Promise<number> {
  const { hosts } = await at.cluster.status();
  const found = hosts
    .find((host) => host.name === node)
    ?.processes.find((process) => process.component === component);
  if (found === undefined) throw new Error(`${component} does not run on ${node}`);
  return found.pid;
}
