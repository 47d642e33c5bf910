import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const reaper = fileURLToPath(new URL('./reaper.ts', import.meta.url));
const skip = process.getuid?.() === 0 ? false : 'needs root for a pid namespace';

/** As PID 1: leaves an orphan behind, starts a child of its own, and looks at both. */
const script = `
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { startReaper } from ${JSON.stringify(reaper)};
const own = new Set();
const stop = startReaper((pid) => own.has(pid));
const parent = spawn('sh', ['-c', 'sleep 0.1 & echo $!'], { stdio: ['ignore', 'pipe', 'inherit'] });
own.add(parent.pid);
let orphan = '';
parent.stdout.on('data', (text) => (orphan += text));
await new Promise((resolve) => parent.on('exit', resolve));
const child = spawn('sh', ['-c', 'exit 7']);
own.add(child.pid);
const code = await new Promise((resolve) => child.on('exit', resolve));
const deadline = Date.now() + 30_000;
const there = () => { try { readFileSync('/proc/' + orphan.trim() + '/stat'); return true; } catch { return false; } };
while (there() && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
console.log(JSON.stringify({ code, orphanLeft: there() }));
stop();
`;

test(
  'PID 1 collects orphans and leaves its own children’s exit codes to those who wait for them',
  { skip },
  () => {
    const result = spawnSync(
      'unshare',
      ['--pid', '--fork', '--mount-proc', process.execPath, '--input-type=module', '-e', script],
      { encoding: 'utf8', timeout: 60_000 },
    );
    assert.equal(result.status, 0, result.stderr);
    assert.deepEqual(JSON.parse(result.stdout), { code: 7, orphanLeft: false });
  },
);
