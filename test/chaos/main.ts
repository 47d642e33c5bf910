/**
 * `npm run chaos -- store`: real processes, real faults, a recorded history that is checked. Exit code 0 when every
 * promise was kept, 1 when not.
 */
import { fileURLToPath } from 'node:url';
import {
  choiceFlag,
  choicesFlag,
  defineGroup,
  defineProgram,
  type FlagSet,
  type FlagValues,
  numberFlag,
  stringFlag,
} from '@timonier/component';
import { enterSandbox, sandboxFolder, settleIn } from './sandbox.ts';
import { hostFaults, networkFaults } from './store/faults.ts';
import { programs } from './store/program.ts';
import { summary, writeReport } from './store/report.ts';
import { runChaos } from './store/run.ts';

const call = 'npm run chaos --';
const faultNames = [...hostFaults, ...networkFaults].map(({ name }) => name);

const flags = {
  minutes: numberFlag(1, 'how long', { min: 0.01, max: 24 * 60, fraction: true }),
  seed: numberFlag(Date.now() % 1_000_000, 'repeats the choice of faults', {
    min: 0,
    max: 2 ** 31,
    placeholder: 'of the clock',
  }),
  members: numberFlag(3, 'how many', { min: 1, max: 9 }),
  clients: numberFlag(12, 'how many read and write at once', { min: 1, max: 200 }),
  pause: numberFlag(4, 'seconds between two faults at most', { min: 0, max: 600, fraction: true }),
  faults: choicesFlag([...faultNames, 'none'], 'what may happen', {
    default: faultNames,
    placeholder: 'all but none',
  }),
  program: choiceFlag('timonier', ['timonier', 'etcd'], 'what the members run'),
  mutation: choiceFlag('none', ['none', 'skip-sync'], 'what is broken on purpose, to see that it is found'),
  report: stringFlag('', 'file to write a page with the whole history to', { value: 'FILE' }),
} satisfies FlagSet;

async function inside(folder: string, { report, ...given }: FlagValues<typeof flags>): Promise<number> {
  const signal = await settleIn();
  const settings = {
    program: programs[given.program],
    only: given.faults,
    members: given.members,
    durationMs: given.minutes * 60_000,
    seed: given.seed,
    clients: given.clients,
    longestPauseMs: given.pause * 1_000,
    skipSync: given.mutation === 'skip-sync',
  };
  console.log(
    `chaos on ${given.members} members of ${given.program} for ${given.minutes} min, seed ${given.seed}`,
  );
  const result = await runChaos({
    ...settings,
    folder,
    thinkMs: 10,
    signal,
    log: (line) => console.log(line),
  });
  console.log(summary(result));
  if (report !== '') {
    await writeReport(report, result, settings);
    console.log(`report: ${report}`);
  }
  return result.violations.length === 0 ? 0 : 1;
}

const store = defineProgram({
  call: `${call} store`,
  usage: '[FLAGS]',
  summary: 'kills, stops, cuts off, slows and fills up the members of a store while clients read and write',
  examples: [
    `${call} store --minutes 10 --report chaos.html`,
    `${call} store --seed 7 --faults 'kill,power cut'`,
  ],
  flags,
  run: (given) => {
    const folder = sandboxFolder();
    return folder === undefined
      ? enterSandbox(fileURLToPath(import.meta.url), process.argv.slice(2))
      : inside(folder, given.flags);
  },
});

const chaos = defineGroup({
  call,
  what: 'subject',
  summary: 'attacks real processes on real disks and networks, and checks what they promised',
  programs: { store: () => store },
  examples: [`${call} store --minutes 10 --report chaos.html`],
});

// Process 1 takes everything else with it, whatever is still open.
process.exit(await chaos(process.argv.slice(2)));
