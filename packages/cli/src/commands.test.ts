import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));

function timonier(...args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', timeout: 60_000 });
}

test('help lists every command with examples and exits with 0', () => {
  const { status, stdout } = timonier('--help');
  assert.equal(status, 0);
  for (const name of ['up', 'down', 'status', 'chaos', 'kubectl', 'store', 'apiserver', 'kubelet', 'vip']) {
    assert.match(stdout, new RegExp(`^  ${name} `, 'm'));
  }
  assert.match(stdout, /Exit codes/);
});

test('an unknown command names the nearest one and exits with 2', () => {
  const { status, stderr } = timonier('statsu');
  assert.equal(status, 2);
  assert.equal(stderr, 'timonier: unknown command "statsu"; did you mean "status"?\n');
});

test('an unknown flag of a verb is one line and exit code 2', () => {
  const { status, stderr } = timonier('up', '--mastres', '3');
  assert.equal(status, 2);
  assert.equal(stderr, 'timonier up: unknown flag --mastres; did you mean --masters?\n');
});

test('an unknown chaos action names the nearest one', () => {
  const { status, stderr } = timonier('chaos', 'kil', 'master-1');
  assert.equal(status, 2);
  assert.match(stderr, /did you mean "kill"\?/);
});

test('a verb on a cluster that does not run says what to do', () => {
  const { status, stderr } = timonier('status', '--name', 'nobody-has-this');
  assert.equal(status, 1);
  assert.match(stderr, /no cluster/);
});

test('kubectl knows its verbs, and every verb of ours has help with an example', () => {
  assert.match(timonier('kubectl', 'gte', 'pods').stderr, /did you mean "get"\?/);
  for (const name of ['up', 'down', 'status', 'host', 'image', 'chaos', 'snapshot', 'kubectl']) {
    const { status, stdout } = timonier(name, '--help');
    assert.equal(status, 0, name);
    assert.match(stdout, new RegExp(`Examples:\\n  timonier ${name}[ \\n]`), name);
  }
});
