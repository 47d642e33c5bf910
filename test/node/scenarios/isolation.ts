/** What a container may do, and what it shares with its host. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../../acceptance/wait.ts';
import { type PodBench, statusOf } from '../pod-bench.ts';

export function isolation(bench: () => PodBench): void {
  test('a pod on the host’s network has the host’s address and reaches what listens there', async () => {
    const at = bench();
    await at.run('hosted', { containers: [{}], spec: { hostNetwork: true } });
    const pod = await at.ready('hosted');
    assert.equal(pod.status?.podIP, pod.status?.hostIP);
    assert.equal(await at.sh('hosted', 'wget -q -O - http://127.0.0.1:10248/healthz'), 'ok');
    const own = await at.sh('hosted', 'hostname');
    assert.equal(own.trim(), 'worker-1');
  });

  test('user, groups, capabilities and a read-only root hold', async () => {
    const at = bench();
    await at.run('confined', {
      containers: [
        {
          securityContext: {
            runAsUser: 1000,
            runAsGroup: 2000,
            readOnlyRootFilesystem: true,
            allowPrivilegeEscalation: false,
            capabilities: { drop: ['ALL'] },
            seccompProfile: { type: 'RuntimeDefault' },
          },
          volumeMounts: [{ name: 'data', mountPath: '/data' }],
        },
        {
          name: 'able',
          securityContext: { capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE', 'CHOWN'] } },
        },
      ],
      spec: {
        securityContext: { runAsNonRoot: false, fsGroup: 3000, supplementalGroups: [4000] },
        volumes: [{ name: 'data', emptyDir: {} }],
      },
    });
    await at.ready('confined');
    const printed = await at.sh(
      'confined',
      'id -u; id -g; id -G; touch /x 2>&1; touch /data/x && stat -c %g /data/x; grep -E "^(CapEff|NoNewPrivs|Seccomp):" /proc/self/status; cat /proc/1/status | grep ^CapBnd; true',
      '-c',
      'main',
    );
    // The image's /etc/group puts the user into group 29 as well.
    assert.match(printed, /1000\n2000\n2000 29 3000 4000\n/);
    assert.match(printed, /Read-only file system\n3000\n/);
    assert.match(printed, /CapEff:\s+0+\n/);
    assert.match(printed, /NoNewPrivs:\s+1\n/);
    assert.match(printed, /Seccomp:\s+2\n/);
    assert.match(printed, /CapBnd:\s+0+\n/);
    const able = await at.sh('confined', 'grep ^CapEff /proc/1/status', '-c', 'able');
    // CHOWN is bit 0 and NET_BIND_SERVICE bit 10.
    assert.equal(Number.parseInt(able.split(':')[1]?.trim() ?? '', 16), (1 << 0) | (1 << 10));
  });

  test('a container that must not run as root does not, whether the pod or the image says root', async () => {
    const at = bench();
    const nonRoot = { securityContext: { runAsNonRoot: true } };
    await at.run('rootless', {
      containers: [nonRoot, { name: 'fine', securityContext: { runAsNonRoot: true, runAsUser: 1000 } }],
    });
    const pod = await at.until(
      'rootless',
      'refuses one container',
      (one) =>
        statusOf(one)?.state?.waiting?.reason === 'CreateContainerConfigError' &&
        statusOf(one, 'fine')?.state?.running !== undefined,
    );
    assert.match(statusOf(pod)?.state?.waiting?.message ?? '', /image will run as root/);
  });

  test('processes of one container are hidden from the other unless the pod shares them', async () => {
    const at = bench();
    const two = [{}, { name: 'other', script: 'exec sleep 4242' }];
    await at.run('apart', { containers: two });
    await at.run('together', { containers: two, spec: { shareProcessNamespace: true } });
    await Promise.all([at.ready('apart'), at.ready('together')]);
    const sees = (pod: string, container: string): Promise<string> =>
      at.sh(pod, 'ps -o args', '-c', container);
    const isSeen = (pod: string, container: string): Promise<true> =>
      until(`the process is seen in ${pod} by ${container}`, 120_000, async () =>
        /^sleep 4242/m.test(await sees(pod, container)) ? true : undefined,
      );
    // A shell begins, and only then becomes what is looked for.
    await Promise.all([isSeen('apart', 'other'), isSeen('together', 'main')]);
    assert.doesNotMatch(await sees('apart', 'main'), /^sleep 4242/m);
  });
}
