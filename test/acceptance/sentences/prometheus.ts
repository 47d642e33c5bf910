/** Sentence 6: Debian's Prometheus, with the project's own configuration, finds every process up, and what dashboards show. */
import { testPort } from '@timonier/linux/test-ports';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Cluster } from '../cluster.ts';
import { mustRun } from '../command.ts';
import { expect, until } from '../wait.ts';
import { helloManifest } from './hello.ts';
import { panels, storePanels } from './panels.ts';

const config = fileURLToPath(new URL('../../../deploy/prometheus/prometheus.yml', import.meta.url));

interface Targets {
  readonly data: {
    readonly activeTargets: readonly {
      readonly health: string;
      readonly scrapeUrl: string;
      readonly lastError: string;
    }[];
  };
}

interface Result {
  readonly data?: { readonly result: readonly unknown[] };
  readonly error?: string;
}

export async function prometheus(cluster: Cluster): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'timonier-prometheus-'));
  await copyFile(config, join(directory, 'prometheus.yml'));
  await copyFile(
    join(cluster.options.dataDir, 'prometheus', 'targets.json'),
    join(directory, 'targets.json'),
  );
  await mustRun('promtool', ['check', 'config', join(directory, 'prometheus.yml')]);
  const groups = JSON.parse(await readFile(join(directory, 'targets.json'), 'utf8')) as {
    targets: string[];
  }[];
  const expected = groups.flatMap(({ targets }) => targets);
  const { hosts } = await cluster.status();
  const processes = hosts.flatMap(({ processes: list }) => list);
  expect(expected.length >= processes.length, `${expected.length} targets for ${processes.length} processes`);
  const port = await testPort();
  const child = spawn(
    'prometheus',
    [
      '--config.file',
      join(directory, 'prometheus.yml'),
      '--storage.tsdb.path',
      join(directory, 'data'),
      '--web.listen-address',
      `127.0.0.1:${port}`,
    ],
    { stdio: 'ignore' },
  );
  try {
    await until('every target is up', 60_000, async () => {
      const response = await fetch(`http://127.0.0.1:${port}/api/v1/targets`, {
        signal: AbortSignal.timeout(2_000),
      });
      const { activeTargets } = ((await response.json()) as Targets).data;
      const down = activeTargets.filter(({ health }) => health !== 'up');
      if (activeTargets.length === expected.length && down.length === 0) return true;
      throw new Error(
        `${activeTargets.length} of ${expected.length} targets, not up: ${down.map(({ scrapeUrl, lastError }) => `${scrapeUrl} ${lastError}`).join(', ')}`,
      );
    });
    // Something has to run on nodes for them to have something to tell.
    await cluster.kubectl('apply', '-f', helloManifest);
    await cluster.kubectl('rollout', 'status', 'deployment/hello', '--timeout=60s');
    const expressions = cluster.options.store === undefined ? [...panels, ...storePanels] : panels;
    for (const expression of expressions)
      await until(`"${expression}" finds something`, 60_000, async () => {
        const query = new URLSearchParams({ query: expression });
        const response = await fetch(`http://127.0.0.1:${port}/api/v1/query?${query.toString()}`, {
          signal: AbortSignal.timeout(5_000),
        });
        const { data, error } = (await response.json()) as Result;
        if (data === undefined) throw new Error(error ?? `HTTP ${response.status}`);
        return data.result.length > 0 ? true : undefined;
      });
    await cluster.kubectl('delete', '-f', helloManifest, '--timeout=60s');
    return `${expected.length} targets up, ${expressions.length} panels show something`;
  } finally {
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
    await rm(directory, { recursive: true, force: true });
  }
}
