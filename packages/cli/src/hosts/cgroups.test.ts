import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cgroupLayout } from './cgroups.ts';

test('a hybrid machine counts as v1, with named hierarchies mounted by name', () => {
  const layout = cgroupLayout(
    [
      '31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755',
      '32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct',
      '40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd',
      '41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw',
    ].join('\n'),
  );
  assert.deepEqual(layout, {
    version: 1,
    hierarchies: [
      { directory: 'cpu,cpuacct', option: 'cpu,cpuacct' },
      { directory: 'systemd', option: 'none,name=systemd' },
    ],
  });
});

test('a machine without v1 hierarchies is v2', () => {
  const layout = cgroupLayout('31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate');
  assert.deepEqual(layout, { version: 2, hierarchies: [{ directory: '', option: '' }] });
});
