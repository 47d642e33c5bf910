/**
 * Runs upstream's `e2e.test` on some of its tests and reads what it reports. It ends itself a while before `deadline`,
 * and is killed when it does not; every process that runs is killed when ours ends.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { peerFile } from '../../peers/peer.ts';
import { LoggedProcess } from '../upstream/process.ts';
import { readReport, type SuiteReport } from './report.ts';

/** What it takes to write its report after its own end of time. */
const graceMs = 60_000;

export interface SuiteRun {
  readonly kubeconfig: string;
  readonly names: readonly string[];
  /** Holds the report and the output. */
  readonly folder: string;
  readonly label: string;
  /** Milliseconds since the epoch. */
  readonly deadline: number;
  /** Ends it at once. */
  readonly signal: AbortSignal;
}

/** The images that the suite runs, by their names. */
export function listImages(): readonly string[] {
  const text = execFileSync(peerFile('e2e.test'), ['--list-images'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return text.split('\n').filter((line) => /^\S+\/\S+:\S+$/.test(line));
}

export async function runSuite(run: SuiteRun): Promise<SuiteReport> {
  if (run.names.length === 0) return { outcomes: [], troubles: [] };
  const file = join(run.folder, `${run.label}.json`);
  const seconds = Math.max(1, Math.floor((run.deadline - Date.now() - graceMs) / 1_000));
  const suite = new LoggedProcess(
    `e2e.test ${run.label}`,
    peerFile('e2e.test'),
    [
      `--kubeconfig=${run.kubeconfig}`,
      `--kubectl-path=${peerFile('kubectl')}`,
      '--provider=skeleton',
      '--disable-log-dump=true',
      '--dump-logs-on-failure=false',
      '--ginkgo.no-color',
      '--ginkgo.v',
      '--ginkgo.seed=1',
      `--ginkgo.timeout=${seconds}s`,
      `--ginkgo.json-report=${file}`,
      // Before a test's name stands that of the suite, with a space.
      ...run.names.map((name) => `--ginkgo.focus= ${escaped(name)}$`),
    ],
    join(run.folder, `${run.label}.log`),
  );
  // It writes its report when it is told to end.
  const kill = (): void => void suite.stop();
  run.signal.addEventListener('abort', kill);
  if (run.signal.aborted) kill();
  try {
    await suite.end(Math.max(0, run.deadline - Date.now()));
  } finally {
    run.signal.removeEventListener('abort', kill);
    await suite.kill();
  }
  if (!existsSync(file))
    return { outcomes: [], troubles: [`${suite.name} wrote no report:\n${suite.log().slice(-2_000)}`] };
  return readReport(readFileSync(file, 'utf8'));
}

function escaped(name: string): string {
  return name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
