/** How long a person waits: from `timonier up`, installed and built, to all nodes Ready. */
import { defineBenchmark, median, runsFlag } from '../benchmark.ts';
import { withCluster } from '../local-cluster.ts';

export const benchmark = defineBenchmark({
  summary: '3 masters and 2 workers, fresh data, until all nodes are Ready',
  flags: { runs: runsFlag(5, 'how often a cluster starts') },
  run: async ({ runs }, log) => {
    const seconds: number[] = [];
    for (let i = 0; i < runs; i++) {
      seconds.push(
        await withCluster('start', { masters: 3, workers: 2 }, (_cluster, upMs) =>
          Promise.resolve(upMs / 1000),
        ),
      );
      log(`run ${i + 1}: ${(seconds.at(-1) ?? 0).toFixed(2)} s`);
    }
    const figures = { 'start median s': median(seconds), 'start worst s': Math.max(...seconds) };
    return {
      columns: ['runs', 'fastest s', 'median s', 'slowest s'],
      rows: [[runs, Math.min(...seconds), median(seconds), Math.max(...seconds)]],
      figures,
      bounds: [{ figure: 'start median s', atMost: 10 }],
      notes: ['Bundled, with the compile cache warm from the second run on.'],
    };
  },
});
