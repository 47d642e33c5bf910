import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

const native = JSON.stringify(new URL('./native.ts', import.meta.url).href);

function run(body: string): { status: number | null; stderr: string } {
  const script = `await import(${native});\n${body}`;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { status, stderr };
}

test('a process that ends by an error nobody caught says which', () => {
  const thrown = run("await (async () => { throw new Error('no such luck'); })();");
  assert.equal(thrown.status, 1);
  assert.match(thrown.stderr, /Error: no such luck\n {4}at /);
  const rejected = run("void Promise.reject(new Error('no such luck'));");
  assert.equal(rejected.status, 1);
  assert.match(rejected.stderr, /Error: no such luck/);
});

test('an error that somebody reports is not reported twice', () => {
  const reported = run(
    "process.on('uncaughtException', () => process.exit(7));\nthrow new Error('no such luck');",
  );
  assert.deepEqual(reported, { status: 7, stderr: '' });
});

test('a process that waits for nothing any more says so', () => {
  const stuck = run('await new Promise(() => undefined);');
  assert.equal(stuck.status, 13);
  assert.match(stuck.stderr, /unsettled top-level await/i);
});
