import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { LogFile } from './log-file.ts';
import { ManagedProcess } from './managed-process.ts';

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'timonier-worker-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

interface Ending {
  readonly reason: string;
  readonly pause: number | null;
}

function supervise(t: TestContext, script: string, stopTimeoutMs?: number) {
  // What writes into the folder ends before it goes.
  const writers: ManagedProcess[] = [];
  t.after(() => Promise.all(writers.map((writer) => writer.stop())));
  const log = join(temporaryFolder(t), 'x.log');
  const endings: Ending[] = [];
  const starts: number[] = [];
  let notify = (): void => undefined;
  const managed = new ManagedProcess(
    {
      component: 'x',
      command: ['sh', '-c', script],
      ...(stopTimeoutMs === undefined ? {} : { stopTimeoutMs }),
    },
    new LogFile(log),
    {
      started: (pid) => {
        starts.push(pid);
        notify();
      },
      exited: (reason, pause) => {
        endings.push({ reason, pause });
        notify();
      },
    },
  );
  writers.push(managed);
  const until = (condition: () => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the condition never came true')), 30_000);
      notify = () => {
        if (!condition()) return;
        clearTimeout(timer);
        resolve();
      };
      notify();
    });
  return { managed, writers, log, endings, starts, until };
}

test('a process that ends is started again, after pauses that grow', async (t) => {
  const { managed, endings, starts, until, log } = supervise(t, 'echo out; echo err >&2; exit 3');
  managed.start();
  await until(() => starts.length >= 3);
  assert.deepEqual(endings.slice(0, 2), [
    { reason: 'exited with code 3', pause: 200 },
    { reason: 'exited with code 3', pause: 400 },
  ]);
  await managed.stop();
  const text = readFileSync(log, 'utf8');
  assert.match(text, /out/);
  assert.match(text, /err/);
  assert.match(text, /x: exited with code 3/);
});

test('stopping ends the process for good, by force when it does not listen', async (t) => {
  const { managed, endings, starts, until } = supervise(t, "trap '' TERM; while :; do sleep 0.05; done", 200);
  managed.start();
  await until(() => starts.length === 1);
  await managed.stop();
  assert.equal(existsSync(`/proc/${starts[0]}`), false);
  assert.equal(endings.length, 1);
  assert.equal(endings[0]?.pause, null);
  assert.equal(managed.pid, undefined);
});

test('a program that is not there is reported and retried, not thrown', async (t) => {
  const { endings, until } = (() => {
    const made = supervise(t, '');
    const broken = new ManagedProcess(
      { component: 'x', command: ['/no/such/program'] },
      new LogFile(made.log),
      { started: () => undefined, exited: (reason, pause) => made.endings.push({ reason, pause }) },
    );
    made.writers.push(broken);
    broken.start();
    return made;
  })();
  const deadline = Date.now() + 30_000;
  while (endings.length === 0 && Date.now() < deadline) await new Promise((resolve) => setImmediate(resolve));
  await until(() => endings.length > 0);
  assert.match(endings[0]?.reason ?? '', /could not be started.*ENOENT/);
});

test('a log file keeps at most its bound and one generation', (t) => {
  const path = join(temporaryFolder(t), 'logs', 'x.log');
  const file = new LogFile(path, 100);
  for (let i = 0; i < 10; i++) file.write(Buffer.from(`${i}`.repeat(40)));
  file.close();
  assert.equal(readFileSync(path, 'utf8'), `${'8'.repeat(40)}${'9'.repeat(40)}`);
  assert.equal(readFileSync(`${path}.1`, 'utf8'), `${'6'.repeat(40)}${'7'.repeat(40)}`);
  assert.equal(existsSync(`${path}.2`), false);
  assert.equal(file.lost, 0);
});

test('a log that cannot be written loses lines and nothing else', (t) => {
  const file = new LogFile(join(temporaryFolder(t), 'x.log', 'not-a-folder\0'));
  file.write(Buffer.from('x'));
  assert.equal(file.lost, 1);
});
