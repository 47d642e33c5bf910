/**
 * `npm run conformance -- peer [--peer FILE] [--only PATTERN] [--show N] [--json FILE]`: the same requests to
 * Kubernetes' own API server and to ours, and what differs between the answers. `--peer` is its program, otherwise the
 * one that `npm run peers` built; `timonier` compares ours with itself. `--only` takes the sections whose names match. `--show` says how many open cases of
 * a section are printed; `--json` writes them all.
 *
 * Exits 1 when something differs that is not meant, and 2 on a wrong command line.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Comparison } from './comparison.ts';
import { meant } from './differences.ts';
import { peer } from '../../peers/peer.ts';
import { describe, summarize } from './report.ts';
import { scripts } from './scripts/index.ts';
import { startServers } from './servers.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    peer: { type: 'string', default: '' },
    only: { type: 'string' },
    show: { type: 'string', default: '10' },
    json: { type: 'string' },
  },
});
const show = Number(values.show);
if (positionals.join() !== 'peer' || !Number.isInteger(show) || show < 0) {
  console.error('usage: npm run conformance -- peer [--peer FILE] [--only PATTERN] [--show N] [--json FILE]');
  process.exit(2);
}
const built = peer('kube-apiserver');
if (values.peer === '' && 'missing' in built) {
  console.error(built.missing);
  process.exit(2);
}
const program = values.peer !== '' || 'missing' in built ? values.peer : built.file;

const closers: (() => unknown)[] = [];
let failed = false;
try {
  const servers = await startServers(program, (end) => void closers.push(end));
  const comparison = new Comparison(servers, values.only === undefined ? undefined : new RegExp(values.only));
  for (const script of scripts) await script(comparison);
  const { cases } = comparison;
  const open = cases.filter((one) => one.open !== undefined);
  for (const own of Map.groupBy(open, (one) => one.section).values())
    for (const one of own.slice(0, show)) console.log(describe(one));
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(open, null, 1));
  if (values.only === undefined)
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
  console.log(`not ok - ${error instanceof Error ? error.message : String(error)}`);
} finally {
  for (const close of closers.reverse()) {
    try {
      await close();
    } catch (error) {
      console.log(`# clean-up: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
process.exit(failed ? 1 : 0);
