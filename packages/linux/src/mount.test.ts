import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { cgroupLayout, cgroupUsage, removeCgroup } from './cgroup.ts';
import { inNamespaces, setHostname, unshare } from './libc.ts';
import { bindMount, isMountPoint, mountOverlay, mountPoints, unmount } from './mount.ts';

const root = process.getuid?.() === 0;
const skip = root ? false : 'needs root';

function inFolder(use: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'timonier-mount-'));
  try {
    use(folder);
  } finally {
    for (const point of mountPoints().reverse()) {
      if (point.target.startsWith(`${folder}/`)) unmount(point.target, { lazy: true });
    }
    rmSync(folder, { recursive: true, force: true });
  }
}

test('an overlay shows its layers, and takes changes in the upper one only', { skip }, () => {
  inFolder((folder) => {
    for (const name of ['a', 'b', 'upper', 'work', 'merged']) mkdirSync(join(folder, name));
    writeFileSync(join(folder, 'a/file'), 'top');
    writeFileSync(join(folder, 'b/file'), 'bottom');
    writeFileSync(join(folder, 'b/other'), 'other');
    const target = join(folder, 'merged');
    mountOverlay(target, {
      lower: [join(folder, 'a'), join(folder, 'b')],
      upper: join(folder, 'upper'),
      work: join(folder, 'work'),
    });
    assert.equal(readFileSync(join(target, 'file'), 'utf8'), 'top');
    writeFileSync(join(target, 'other'), 'changed');
    assert.equal(readFileSync(join(folder, 'b/other'), 'utf8'), 'other');
    assert.ok(isMountPoint(target));
    unmount(target);
    unmount(target);
    assert.ok(!isMountPoint(target));
  });
});

test(
  'a namespace made on a thread can be pinned by a bind mount, and the thread comes home',
  { skip },
  () => {
    inFolder((folder) => {
      const pin = join(folder, 'uts');
      writeFileSync(pin, '');
      const before = readlinkSync('/proc/thread-self/ns/uts');
      inNamespaces(
        ['uts'],
        () => unshare(['uts']),
        () => {
          setHostname('elsewhere');
          assert.equal(hostname(), 'elsewhere');
          bindMount('/proc/thread-self/ns/uts', pin);
        },
      );
      assert.equal(readlinkSync('/proc/thread-self/ns/uts'), before);
      assert.notEqual(hostname(), 'elsewhere');
      assert.ok(isMountPoint(pin));
    });
  },
);

test('escaped characters of a mount table are read back', () => {
  const [point] = mountPoints(
    '36 35 98:0 /a /mnt/with\\040space rw,noatime master:1 - ext4 /dev/root rw,cpu\n',
  );
  assert.deepEqual(point, {
    root: '/a',
    target: '/mnt/with space',
    type: 'ext4',
    source: '/dev/root',
    superOptions: ['rw', 'cpu'],
  });
});

test('a control group is measured, and removed twice', { skip }, () => {
  const layout = cgroupLayout();
  const path = `/timonier-test-${process.pid}/inner`;
  for (const mounted of layout.mounts.values()) mkdirSync(join(mounted, path), { recursive: true });
  assert.equal(cgroupUsage(layout, path).memoryBytes, 0);
  assert.ok(removeCgroup(layout, `/timonier-test-${process.pid}`));
  assert.ok(removeCgroup(layout, `/timonier-test-${process.pid}`));
  assert.equal(cgroupUsage(layout, path).memoryBytes, undefined);
});
