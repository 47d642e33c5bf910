/** Whether a group of stores keeps its leader while every processor of the machine is busy with something else. */
import { fileURLToPath } from 'node:url';
import { numberFlag } from '@timonier/component';
import { defineBenchmark } from '../benchmark.ts';
import { runInSandbox } from '../in-sandbox.ts';
import type { StabilityInput, StabilityResult } from './under-load.ts';

const script = fileURLToPath(new URL('./under-load.ts', import.meta.url));

export const benchmark = defineBenchmark({
  summary: 'elections of three members of the store while every processor is busy',
  flags: { minutes: numberFlag(10, 'how long', { min: 0.01, max: 24 * 60, fraction: true }) },
  run: async ({ minutes }) => {
    const input: StabilityInput = { program: 'timonier', minutes };
    const { elections, writes, failed, medianMs, worstMs, busy } = await runInSandbox<StabilityResult>(
      script,
      input,
    );
    return {
      columns: ['what', 'minutes', 'busy %', 'elections', 'writes', 'failed', 'median ms', 'slowest ms'],
      rows: [
        [
          'Timonier, 3 members',
          minutes,
          Math.round(100 * busy),
          elections,
          writes,
          failed,
          medianMs,
          worstMs,
        ],
      ],
      figures: { elections, 'failed writes': failed, 'busy share': busy },
      bounds: [
        { figure: 'elections', atMost: 0 },
        { figure: 'failed writes', atMost: 0 },
        { figure: 'busy share', atLeast: 0.98 },
      ],
      notes: [
        'Members run as a master starts them (election timeout 400 ms, stretched up to 1.5 s by measured delays), each with a network and a disk of its own, beside two endless loops for each processor.',
      ],
    };
  },
});
