import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const module = fileURLToPath(new URL('./nftables.ts', import.meta.url));

/** Runs a snippet that may call `applyNft`, in a network namespace of its own. */
function inNamespace(snippet: string): { status: number | null; stdout: string; stderr: string } {
  const script = `import { applyNft } from ${JSON.stringify(module)};\n${snippet}`;
  return spawnSync('unshare', ['--net', process.execPath, '--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: 60_000,
  });
}

const skip = process.getuid?.() === 0 ? false : 'needs root for a network namespace';

test('a ruleset is applied and can be listed', { skip }, () => {
  const result = inNamespace(`
    applyNft('table ip t { set s { type ipv4_addr; flags timeout; }; }');
    applyNft('add element ip t s { 10.0.0.1 timeout 5s }');
    process.stdout.write(applyNft('list table ip t'));`);
  assert.equal(result.status, 0, result.stderr);
  assert.match(result.stdout, /10\.0\.0\.1 timeout 5s/);
});

test('one bad line leaves all the old rules in place', { skip }, () => {
  const result = inNamespace(`
    applyNft('table ip t { chain a { }; }');
    try { applyNft('add chain ip t b\\nadd rule ip t nowhere drop'); } catch (error) { console.log(error.message); }
    console.log(applyNft('list table ip t'));`);
  assert.equal(result.status, 0, result.stderr);
  assert.match(result.stdout, /refused the rules: /);
  assert.doesNotMatch(result.stdout, /chain b/);
});
