import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildDemoImage } from '../../deploy/images/demo.ts';
import { until } from '../../packages/apiserver/src/testing/harness.ts';
import { start, type Started, timonier } from './program.ts';

function usedBytes(folder: string): number {
  const { blocks, bfree, bsize } = statfsSync(folder);
  return (blocks - bfree) * bsize;
}

for (const [what, size] of [
  ['stored', '1m'],
  ['unpacked', '2500k'],
] as const)
  test(`an image that cannot be ${what} on a full disk is refused, leaves nothing behind, and fits when there is room`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'bad-disk-'));
    const root = join(folder, 'root');
    mkdirSync(root);
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', root]);
    let cri: Started | undefined;
    t.after(async () => {
      // What writes there ends before the folder goes.
      cri?.child.kill('SIGKILL');
      await cri?.exited;
      execFileSync('umount', ['-l', root]);
      rmSync(folder, { recursive: true, force: true });
    });
    const archive = join(folder, 'demo.tar');
    await buildDemoImage(archive);
    const socket = join(folder, 'cri.sock');
    cri = start(t, [
      'cri',
      '--ops-address=',
      `--root=${root}`,
      `--state=${folder}/run`,
      `--socket=${socket}`,
    ]);
    await until(() => existsSync(socket), 'the runtime serves');
    const before = usedBytes(root);
    const full = await timonier(['image-import', archive, `--socket=${socket}`]);
    assert.equal(full.code, 1, `${usedBytes(root)} bytes used; ${full.stderr}`);
    assert.match(full.stderr, /no space left on device|the disk .*is full/i);
    assert.equal(full.stderr.trim().split('\n').length, 1, full.stderr);
    assert.ok(
      usedBytes(root) - before < 64 * 1024,
      `${usedBytes(root) - before} bytes are left: ${readdirSync(root, { recursive: true }).join(' ')}`,
    );
    execFileSync('mount', ['-o', 'remount,size=64m', root]);
    const fits = await timonier(['image-import', archive, `--socket=${socket}`]);
    assert.equal(fits.code, 0, fits.stderr);
    assert.match(fits.stdout, /^timonier.local\/demo:latest sha256:/);
  });
