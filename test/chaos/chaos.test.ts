/**
 * Short runs of `npm run chaos`, and the proof that they can fail: with every sync of the members' disks turned into
 * a lie, a power cut costs acknowledged writes, and the run must find that.
 */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));
const skip = process.getuid?.() === 0 ? false : 'needs root for namespaces and mounts';
const options = { skip, timeout: 120_000 };

interface Ended {
  readonly code: number;
  readonly output: string;
}

function chaos(args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], { timeout: 100_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), output: stdout + stderr });
    });
  });
}

function folder(t: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), 'chaos-test-'));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

test('power cuts, kills and cut cables cost no acknowledged write', options, async (t) => {
  const report = join(folder(t), 'report.html');
  const faults = 'power cut of all,kill,cut off from members only';
  const args = ['--minutes', '0.08', '--pause', '1', '--seed', '3', '--faults', faults, '--report', report];
  const { code, output } = await chaos(['store', ...args]);
  assert.equal(code, 0, output);
  assert.match(output, /every promise was kept/);
  assert.match(output, /power cut of all: all/);
  const [, answered] = /(\d+) operations answered/.exec(output) ?? [];
  // However busy the machine is: the run was about something.
  assert.ok(Number(answered) > 50, output);
  assert.match(readFileSync(report, 'utf8'), /Every promise was kept/);
});

test('with syncs skipped, the same power cut is found to lose acknowledged writes', options, async (t) => {
  const faults = ['--faults', 'power cut of all', '--mutation', 'skip-sync'];
  const { code, output } = await chaos([
    'store',
    '--minutes',
    '0.08',
    '--pause',
    '1',
    '--seed',
    '3',
    ...faults,
  ]);
  t.diagnostic(output.split('\n').find((line) => line.includes('linearizability')) ?? '');
  assert.equal(code, 1, output);
  // A read that went back, a write that no watch was told, or a revision that was given out twice.
  assert.match(output, /had been seen|no watch told|of revision \d+, another one/);
});

test('a run that is interrupted stops in good order and leaves nothing behind', options, async () => {
  const child = spawn(process.execPath, [main, 'store', '--minutes', '5', '--faults', 'kill'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const started = new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes('kill: m')) resolve();
    });
  });
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  await Promise.race([started, ended]);
  const mine = readdirSync(tmpdir()).filter((name) => readOwner(name) === child.pid);
  child.kill('SIGINT');
  assert.equal(await ended, 0, output);
  assert.match(output, /every promise was kept/);
  assert.equal(mine.length, 1, output);
  for (const name of mine) assert.ok(!existsSync(join(tmpdir(), name)), `${name} is left behind`);
});

/** The process that a run's folder belongs to: its name says so. */
function readOwner(name: string): number | undefined {
  const [, pid] = /^timonier-chaos-(\d+)-/.exec(name) ?? [];
  return pid === undefined ? undefined : Number(pid);
}

test('a wrong command line is refused with what is right', async () => {
  const { code, output } = await chaos(['store', '--faults', 'earthquake']);
  assert.equal(code, 2);
  assert.match(output, /--faults: "earthquake" is none of [^]*power cut of all/);
});
