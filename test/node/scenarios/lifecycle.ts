/** How containers begin, are watched over, and end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { container, isReady, type PodBench, statusOf } from '../pod-bench.ts';

const scratch = { volumes: [{ name: 'scratch', emptyDir: {} }] };
const mounted = { volumeMounts: [{ name: 'scratch', mountPath: '/scratch' }] };

export function lifecycle(bench: () => PodBench): void {
  test('init containers run one after the other, a sidecar before and around the main container', async () => {
    const at = bench();
    await at.run('ordered', {
      containers: [{ ...mounted, script: 'echo main >> /scratch/order; cat /scratch/order; sleep 0.5' }],
      spec: {
        ...scratch,
        restartPolicy: 'Never',
        initContainers: [
          container({ name: 'first', ...mounted, script: 'echo first >> /scratch/order' }),
          container({
            name: 'side',
            ...mounted,
            restartPolicy: 'Always',
            script:
              'trap "echo side ends; exit 0" TERM; sleep 0.5; echo side >> /scratch/order; while :; do sleep 0.1; done',
            startupProbe: { exec: { command: ['grep', 'side', '/scratch/order'] }, periodSeconds: 1 },
          }),
          container({ name: 'second', ...mounted, script: 'echo second >> /scratch/order' }),
        ],
      },
    });
    const pod = await at.until('ordered', 'has Succeeded', ({ status }) => status?.phase === 'Succeeded');
    assert.equal(await at.kubectl(['logs', 'ordered', '-c', 'main']), 'first\nside\nsecond\nmain\n');
    assert.equal(await at.kubectl(['logs', 'ordered', '-c', 'side']), 'side ends\n');
    for (const name of ['first', 'side', 'second', 'main'])
      assert.equal(statusOf(pod, name)?.state?.terminated?.exitCode, 0, `${name} ended well`);
  });

  test('hooks run after the start and before the stop, and the grace is honoured', async () => {
    const at = bench();
    await at.run('hooked', {
      containers: [
        {
          ...mounted,
          script: 'trap "echo term" TERM; while :; do sleep 0.1; echo tick; done',
          lifecycle: {
            postStart: { exec: { command: ['sh', '-c', 'echo started > /proc/1/fd/1'] } },
            preStop: { exec: { command: ['sh', '-c', 'echo stopping > /proc/1/fd/1; sleep 0.5'] } },
          },
        },
      ],
      spec: { ...scratch, terminationGracePeriodSeconds: 5 },
    });
    await at.ready('hooked');
    // It must follow before there is an end to hear of.
    const follower = at.follow(['logs', '-f', 'hooked']);
    await follower.until(/^tick$/m);
    await at.kubectl(['delete', 'pod', 'hooked']);
    const lines = (await follower.all).split('\n');
    assert.ok(lines.includes('started'));
    const [stopping, term] = [lines.indexOf('stopping'), lines.indexOf('term')];
    assert.ok(stopping > 0 && term > stopping, `preStop before TERM: ${lines.join(' ')}`);
    const after = lines.slice(term).filter((line) => line === 'tick').length;
    assert.ok(
      after >= 5 && after <= 90,
      `it could go on for the rest of its grace: ${after} ticks after TERM`,
    );
    await at.event('hooked', 'Killing');
  });

  test('readiness gates Ready, startup gates liveness, and failed liveness restarts the container', async () => {
    const at = bench();
    // What a file says counts, and not how long it takes a busy machine to look.
    const probe = (
      file: string,
    ): { exec: { command: string[] }; periodSeconds: number; timeoutSeconds: number } => ({
      exec: { command: ['test', '-e', file] },
      periodSeconds: 1,
      timeoutSeconds: 60,
    });
    await at.run('probed', {
      containers: [
        {
          startupProbe: { ...probe('/tmp/up'), failureThreshold: 300 },
          readinessProbe: probe('/tmp/ready'),
          livenessProbe: { ...probe('/tmp/alive'), failureThreshold: 2 },
        },
      ],
    });
    const running = await at.until('probed', 'runs', (pod) => statusOf(pod)?.state?.running !== undefined);
    assert.equal(statusOf(running)?.started, false);
    await at.sh('probed', 'touch /tmp/ready /tmp/alive');
    await at.event('probed', 'Unhealthy', /Startup probe failed/);
    assert.ok(!at.history('probed').some(isReady), 'not ready before it has started up');
    await at.sh('probed', 'touch /tmp/up');
    await at.ready('probed');
    await at.sh('probed', 'rm /tmp/ready');
    await at.until(
      'probed',
      'runs and is not ready any more',
      (pod) => statusOf(pod)?.started === true && statusOf(pod)?.ready === false,
    );
    await at.sh('probed', 'rm /tmp/alive');
    const restarted = await at.until('probed', 'was restarted', (pod) => statusOf(pod)?.restartCount === 1);
    assert.ok(statusOf(restarted)?.lastState?.terminated !== undefined);
    await at.event('probed', 'Killing', /failed liveness probe/);
  });

  test('probes by HTTP, TCP and gRPC-less sockets reach the pod', async () => {
    const at = bench();
    await at.run('served', {
      containers: [
        {
          command: ['/usr/bin/serve'],
          ports: [{ name: 'http', containerPort: 8080 }],
          readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 1, timeoutSeconds: 60 },
          // A program that takes long to listen is not dead.
          livenessProbe: {
            tcpSocket: { port: 8080 },
            periodSeconds: 1,
            timeoutSeconds: 60,
            failureThreshold: 60,
          },
        },
      ],
    });
    const pod = await at.ready('served');
    assert.equal(statusOf(pod)?.restartCount, 0);
  });

  test('restartPolicy decides whether an end is final, and the phase tells which', async () => {
    const at = bench();
    await at.run('never', { containers: [{ script: 'exit 3' }], spec: { restartPolicy: 'Never' } });
    await at.run('eventually', {
      containers: [
        {
          ...mounted,
          script:
            'echo x >> /scratch/tries; [ "$(wc -l < /scratch/tries)" -ge 2 ] || exit 1; echo done > /dev/termination-log',
        },
      ],
      spec: { ...scratch, restartPolicy: 'OnFailure' },
    });
    const failed = await at.until('never', 'has Failed', ({ status }) => status?.phase === 'Failed');
    assert.equal(statusOf(failed)?.state?.terminated?.exitCode, 3);
    assert.equal(statusOf(failed)?.state?.terminated?.reason, 'Error');
    const done = await at.until('eventually', 'has Succeeded', ({ status }) => status?.phase === 'Succeeded');
    assert.equal(statusOf(done)?.restartCount, 1);
    assert.equal(statusOf(done)?.state?.terminated?.message, 'done\n');
    assert.equal(statusOf(done)?.lastState?.terminated?.exitCode, 1);
  });

  test('what fails again and again waits longer, says so, and its former log stays readable', async () => {
    const at = bench();
    await at.run('crashing', { containers: [{ script: 'echo try; exit 7' }] });
    const pod = await at.until(
      'crashing',
      'backs off',
      (one) => statusOf(one)?.state?.waiting?.reason === 'CrashLoopBackOff',
    );
    assert.match(
      statusOf(pod)?.state?.waiting?.message ?? '',
      /back-off \d+s restarting failed container=main/,
    );
    assert.equal(statusOf(pod)?.lastState?.terminated?.exitCode, 7);
    assert.equal(pod.status?.phase, 'Running');
    await at.event('crashing', 'BackOff', /restarting failed container/);
    assert.equal(await at.kubectl(['logs', 'crashing', '--previous']), 'try\n');
  });

  test('an image that cannot be had is reported with the registry’s reason, and tried again later', async () => {
    const at = bench();
    await at.run('imageless', { containers: [{ image: '127.0.0.1:9/no/such:v1' }] });
    await at.run('misnamed', { containers: [{ image: 'NOT A NAME' }] });
    await at.event('imageless', 'Failed', /Failed to pull image "127.0.0.1:9\/no\/such:v1": .+/);
    const pod = await at.until(
      'imageless',
      'backs off',
      (one) => statusOf(one)?.state?.waiting?.reason === 'ImagePullBackOff',
    );
    assert.match(statusOf(pod)?.state?.waiting?.message ?? '', /127\.0\.0\.1:9\/no\/such:v1/);
    assert.equal(pod.status?.phase, 'Pending');
    await at.until(
      'misnamed',
      'tells its reason',
      (one) => statusOf(one)?.state?.waiting?.reason === 'InvalidImageName',
    );
  });

  test('a container that eats more memory than its limit is reported as OOMKilled', async () => {
    const at = bench();
    await at.run('hungry', {
      containers: [{ script: 'tail /dev/zero', resources: { limits: { memory: '24Mi' } } }],
      spec: { restartPolicy: 'Never' },
    });
    const pod = await at.until('hungry', 'has Failed', ({ status }) => status?.phase === 'Failed');
    assert.equal(statusOf(pod)?.state?.terminated?.reason, 'OOMKilled');
    assert.equal(statusOf(pod)?.state?.terminated?.exitCode, 137);
  });

  test('a pod that was put on the node past the scheduler and does not fit fails, and nothing of it runs', async () => {
    const at = bench();
    await at.run('too-big', {
      containers: [{ resources: { requests: { cpu: '900' } } }],
      spec: { nodeName: 'worker-1' },
    });
    const pod = await at.until('too-big', 'has Failed', ({ status }) => status?.phase === 'Failed');
    assert.equal(pod.status?.reason, 'OutOfcpu');
    assert.equal(statusOf(pod)?.containerID, undefined);
    await at.event('too-big', 'OutOfcpu');
  });

  test('a pod that outlives its deadline fails', async () => {
    const at = bench();
    await at.run('overdue', { containers: [{}], spec: { activeDeadlineSeconds: 1 } });
    const pod = await at.until('overdue', 'has Failed', ({ status }) => status?.phase === 'Failed');
    assert.equal(pod.status?.reason, 'DeadlineExceeded');
  });
}
