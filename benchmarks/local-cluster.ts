/** A cluster for the time of a benchmark, brought up by the command that a person uses. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cluster } from '../test/acceptance/cluster.ts';
import { undoneAtEnd } from './ending.ts';

export interface Shape {
  readonly masters: number;
  readonly workers: number;
  readonly runtime?: 'timonier' | 'containerd';
}

/** Runs `body` with a fresh cluster that is up, and takes the cluster down whatever happens. */
export async function withCluster<T>(
  name: string,
  { masters, workers, runtime = 'timonier' }: Shape,
  body: (cluster: Cluster, upMs: number) => Promise<T>,
): Promise<T> {
  const dataDir = await mkdtemp(join(tmpdir(), `timonier-bench-${name}-`));
  const cluster = new Cluster(
    { name: `bench-${name}`, dataDir: join(dataDir, 'data'), masters, workers, runtime },
    [],
  );
  const takeDown = async (): Promise<void> => {
    await cluster.down();
    await rm(dataDir, { recursive: true, force: true });
  };
  const forget = undoneAtEnd(takeDown);
  try {
    const start = performance.now();
    await cluster.up();
    return await body(cluster, performance.now() - start);
  } finally {
    forget();
    await takeDown();
  }
}
