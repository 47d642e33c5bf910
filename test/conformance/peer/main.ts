/**
 * `npm run conformance -- peer`: the same requests to Kubernetes' own API server and to ours, and what differs between
 * the answers. Exits 1 when something differs that is not meant.
 */
import { writeFileSync } from 'node:fs';
import {
  defineProgram,
  type FlagSet,
  type FlagValues,
  numberFlag,
  patternFlag,
  stringFlag,
  UsageError,
} from '@timonier/component';
import { messageOf, takeAway } from '../../tally.ts';
import { Comparison } from './comparison.ts';
import { meant } from './differences.ts';
import { peer } from '../../peers/peer.ts';
import { describe, summarize } from './report.ts';
import { scripts } from './scripts/index.ts';
import { startServers } from './servers.ts';

const flags = {
  peer: stringFlag('', 'the other’s program; timonier compares ours with itself', {
    value: 'FILE',
    placeholder: 'the one of npm run peers',
  }),
  only: patternFlag('sections to compare'),
  show: numberFlag(10, 'how many open cases of a section are printed', { min: 0 }),
  seconds: numberFlag(0, 'when to end, whatever is left; 0 for when all is done', { min: 0 }),
  json: stringFlag('', 'file to write all open cases to', { value: 'FILE' }),
} satisfies FlagSet;

/** Throws, with what to do, when it was not built. */
function builtPeer(): string {
  const built = peer('kube-apiserver');
  if ('missing' in built) throw new UsageError(built.missing);
  return built.file;
}

async function compare(given: FlagValues<typeof flags>): Promise<number> {
  const program = given.peer || builtPeer();
  const closers: (() => unknown)[] = [];
  let failed = false;
  try {
    const servers = await startServers(program, (end) => void closers.push(end));
    const endsAt = given.seconds === 0 ? Infinity : given.seconds * 1_000;
    const comparison = new Comparison(servers, given.only, endsAt - performance.now());
    try {
      for (const script of scripts) await script(comparison);
    } catch (error) {
      // What was found before is told all the same.
      failed = true;
      console.log(`not ok - ${messageOf(error)}`);
    }
    const { cases } = comparison;
    const open = cases.filter((one) => one.open !== undefined);
    for (const own of Map.groupBy(open, (one) => one.section).values())
      for (const one of own.slice(0, given.show)) console.log(describe(one));
    if (given.json !== '') writeFileSync(given.json, JSON.stringify(open, null, 1));
    for (const section of comparison.unfinished) {
      failed = true;
      console.log(`not ok - ${section}: not done in ${given.seconds} seconds`);
    }
    if (given.only === undefined && comparison.unfinished.length === 0)
      for (const { reason } of meant)
        if (!comparison.usedDifferences.has(reason)) {
          failed = true;
          console.log(`not ok - nothing differs any more for this reason: ${reason}`);
        }
    for (const line of summarize(cases)) console.log(line);
    if (cases.length === 0) console.log('not ok - no section has such a name');
    failed ||= open.length > 0 || cases.length === 0;
  } catch (error) {
    failed = true;
    console.log(`not ok - ${messageOf(error)}`);
  } finally {
    await takeAway(closers);
  }
  return failed ? 1 : 0;
}

const call = 'npm run conformance -- peer';

export const suite = defineProgram({
  call,
  usage: '[FLAGS]',
  summary: 'the same requests to Kubernetes’ own API server and to ours, and what differs',
  examples: [call, `${call} --only '^verbs' --show 50`, `${call} --json open.json`],
  flags,
  run: ({ flags }) => compare(flags),
});
