/**
 * `npm run chaos -- store [--minutes M] [--seed N] [--members 3|5] [--report FILE] …`: real processes, real faults, a
 * recorded history that is checked. Exit code 0 when every promise was kept, 1 when not, 2 for a wrong command line.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { enterSandbox, sandboxFolder, settleIn } from './sandbox.ts';
import { hostFaults, networkFaults } from './store/faults.ts';
import { programs } from './store/program.ts';
import { summary, writeReport } from './store/report.ts';
import { runChaos } from './store/run.ts';

const usage = `usage: npm run chaos -- store [--minutes M] [--seed N] [--members 3|5] [--report FILE] [--faults A,B] [--program timonier|etcd] [--clients N] [--pause SECONDS] [--mutation skip-sync]
faults: ${[...hostFaults, ...networkFaults].map(({ name }) => name).join(', ')}, none`;

function options() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      minutes: { type: 'string', default: '1' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      members: { type: 'string', default: '3' },
      report: { type: 'string' },
      faults: { type: 'string', default: '' },
      program: { type: 'string', default: 'timonier' },
      clients: { type: 'string', default: '12' },
      pause: { type: 'string', default: '4' },
      mutation: { type: 'string' },
    },
  });
  const number = (name: string, text: string, least: number, most: number): number => {
    const value = Number(text);
    if (!(value >= least && value <= most))
      throw new Error(`--${name} must be between ${least} and ${most}, not ${text}`);
    return value;
  };
  if (positionals.join() !== 'store') throw new Error('say what to attack: store');
  const program = Object.values(programs).find(({ name }) => name === values.program);
  if (program === undefined) throw new Error(`--program ${values.program} is not known`);
  if (values.mutation !== undefined && values.mutation !== 'skip-sync')
    throw new Error(`--mutation ${values.mutation} is not known`);
  const only = values.faults.split(',').filter((name) => name !== '');
  const known = [...hostFaults, ...networkFaults].map(({ name }) => name).concat('none');
  for (const name of only) if (!known.includes(name)) throw new Error(`fault "${name}" is not known`);
  return {
    program,
    only,
    members: number('members', values.members, 1, 9),
    durationMs: number('minutes', values.minutes, 0.01, 24 * 60) * 60_000,
    seed: number('seed', values.seed, 0, 2 ** 31),
    clients: number('clients', values.clients, 1, 200),
    longestPauseMs: number('pause', values.pause, 0, 600) * 1_000,
    skipSync: values.mutation === 'skip-sync',
    report: values.report,
  };
}

async function inside(folder: string): Promise<number> {
  const signal = await settleIn();
  const { report, ...rest } = options();
  console.log(
    `chaos on ${rest.members} members of ${rest.program.name} for ${rest.durationMs / 60_000} min, seed ${rest.seed}`,
  );
  const result = await runChaos({ ...rest, folder, thinkMs: 10, signal, log: (line) => console.log(line) });
  console.log(summary(result));
  if (report !== undefined) {
    await writeReport(report, result, rest);
    console.log(`report: ${report}`);
  }
  return result.violations.length === 0 ? 0 : 1;
}

async function main(): Promise<number> {
  const folder = sandboxFolder();
  if (folder !== undefined) return inside(folder);
  try {
    options();
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    return 2;
  }
  return enterSandbox(fileURLToPath(import.meta.url), process.argv.slice(2));
}

// Process 1 takes everything else with it, whatever is still open.
process.exit(await main());
