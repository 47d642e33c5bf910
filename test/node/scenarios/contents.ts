/** What a container finds: files of volumes, and variables. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodBench } from '../pod-bench.ts';
import { until } from '../../acceptance/wait.ts';

const config = { apiVersion: 'v1', kind: 'ConfigMap' } as const;
const secret = { apiVersion: 'v1', kind: 'Secret' } as const;

export function contents(bench: () => PodBench): void {
  test('every kind of volume shows what it was made from', async () => {
    const at = bench();
    await at.create({ ...config, metadata: { name: 'files' }, data: { one: '1', two: '2' } });
    await at.create({ ...secret, metadata: { name: 'hidden' }, stringData: { word: 'sesame' } });
    await at.run('volumes', {
      metadata: { labels: { tier: 'web', app: 'v' } },
      containers: [
        {
          resources: { limits: { memory: '64Mi', cpu: '250m' } },
          volumeMounts: [
            { name: 'secret', mountPath: '/secret', readOnly: true },
            { name: 'fields', mountPath: '/fields' },
            { name: 'all', mountPath: '/all' },
            { name: 'shared', mountPath: '/shared' },
            { name: 'memory', mountPath: '/memory' },
            { name: 'files', mountPath: '/etc/one-file', subPath: 'one' },
            { name: 'shared', mountPath: '/below', subPathExpr: 'for-$(WHO)' },
          ],
          env: [{ name: 'WHO', value: 'me' }],
        },
        { name: 'other', volumeMounts: [{ name: 'shared', mountPath: '/there' }] },
      ],
      spec: {
        volumes: [
          {
            name: 'secret',
            secret: { secretName: 'hidden', items: [{ key: 'word', path: 'deep/word', mode: 0o400 }] },
          },
          {
            name: 'fields',
            downwardAPI: {
              items: [
                { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
                { path: 'memory', resourceFieldRef: { containerName: 'main', resource: 'limits.memory' } },
                {
                  path: 'cpu',
                  resourceFieldRef: { containerName: 'main', resource: 'limits.cpu', divisor: '1m' },
                },
              ],
            },
          },
          {
            name: 'all',
            projected: {
              defaultMode: 0o440,
              sources: [
                { secret: { name: 'hidden' } },
                { configMap: { name: 'files', items: [{ key: 'two', path: 'second' }] } },
                { downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } },
                { configMap: { name: 'absent', optional: true } },
              ],
            },
          },
          { name: 'shared', emptyDir: {} },
          { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '4Mi' } },
          { name: 'files', configMap: { name: 'files' } },
        ],
      },
    });
    await at.ready('volumes');
    const lines = (
      await at.sh(
        'volumes',
        [
          'cat /secret/deep/word; echo',
          'stat -L -c %a /secret/deep/word',
          'touch /secret/x 2>/dev/null && echo writable || echo read-only',
          'sort /fields/labels',
          'cat /fields/memory; echo',
          'cat /fields/cpu; echo',
          'cat /all/word /all/second /all/name; echo',
          'stat -L -c %a /all/second',
          'echo shared > /shared/a; echo below > /below/b; ls /shared',
          'awk \'$2 == "/memory" { print $3 }\' /proc/mounts',
          'dd if=/dev/zero of=/memory/big bs=1M count=8 2>/dev/null && echo fits || echo full',
          'cat /etc/one-file; echo',
        ].join('; '),
        '-c',
        'main',
      )
    )
      .trim()
      .split('\n');
    assert.deepEqual(lines, [
      'sesame',
      '400',
      'read-only',
      'app="v"',
      'tier="web"',
      String(64 * 1024 * 1024),
      '250',
      'sesame2volumes',
      '440',
      'a',
      'for-me',
      'tmpfs',
      'full',
      '1',
    ]);
    assert.equal(
      (await at.sh('volumes', 'cat /there/a /there/for-me/b', '-c', 'other')).trim(),
      'shared\nbelow',
    );
  });

  test('a changed ConfigMap, and changed labels, reach the files of a running pod all at once', async () => {
    const at = bench();
    const data = (value: string): Record<string, string> => ({ a: value, b: value });
    await at.create({ ...config, metadata: { name: 'moving' }, data: data('0') });
    await at.run('follower', {
      metadata: { labels: { version: '0' } },
      containers: [
        {
          script: `trap "exit 0" TERM
            while :; do
              d=$(readlink /moving/..data); a=$(cat /moving/$d/a 2>/dev/null) && b=$(cat /moving/$d/b 2>/dev/null) || continue
              [ "$a" = "$b" ] || echo "torn: $a $b"
              [ "$a" = "$last" ] || echo "saw $a"
              last=$a
            done`,
          volumeMounts: [
            { name: 'moving', mountPath: '/moving' },
            { name: 'labels', mountPath: '/labels' },
            { name: 'moving', mountPath: '/fixed', subPath: 'a' },
          ],
        },
      ],
      spec: {
        volumes: [
          { name: 'moving', configMap: { name: 'moving' } },
          {
            name: 'labels',
            downwardAPI: { items: [{ path: 'all', fieldRef: { fieldPath: 'metadata.labels' } }] },
          },
        ],
      },
    });
    await at.ready('follower');
    const saw = (value: string): Promise<true> =>
      until(`the container saw ${value}`, 120_000, async () =>
        (await at.kubectl(['logs', 'follower'])).includes(`saw ${value}`) ? true : undefined,
      );
    // That it runs does not mean that it has looked yet.
    await saw('0');
    for (const value of ['1', '2']) {
      await at.kubectl(['patch', 'configmap', 'moving', '-p', JSON.stringify({ data: data(value) })]);
      await saw(value);
    }
    await at.kubectl(['label', 'pod', 'follower', 'version=1', '--overwrite']);
    await until('the new label is in the file', 120_000, async () =>
      (await at.sh('follower', 'cat /labels/all')).includes('version="1"') ? true : undefined,
    );
    assert.equal(await at.kubectl(['logs', 'follower']), 'saw 0\nsaw 1\nsaw 2\n');
    assert.equal(await at.sh('follower', 'cat /fixed'), '0', 'a file mounted by subPath stays as it was');
  });

  test('variables come from values, ConfigMaps, Secrets, fields and resources, and expand each other', async () => {
    const at = bench();
    await at.create({ ...config, metadata: { name: 'vars' }, data: { COLOR: 'blue', 'odd-key': 'x' } });
    await at.create({ ...secret, metadata: { name: 'pass' }, stringData: { word: 'sesame' } });
    await at.run('variables', {
      containers: [
        {
          script: 'tr "\\0" "\\n" < /proc/1/environ; echo "args: $0 $1"',
          args: ['$(GREETING)', '$$(GREETING) $(UNKNOWN)'],
          resources: { requests: { cpu: '20m' }, limits: { memory: '64Mi' } },
          envFrom: [
            { prefix: 'CFG_', configMapRef: { name: 'vars' } },
            { secretRef: { name: 'absent', optional: true } },
          ],
          env: [
            { name: 'WORD', valueFrom: { secretKeyRef: { name: 'pass', key: 'word' } } },
            { name: 'GREETING', value: 'open $(WORD)' },
            { name: 'SHADE', valueFrom: { configMapKeyRef: { name: 'vars', key: 'COLOR' } } },
            { name: 'MAYBE', valueFrom: { configMapKeyRef: { name: 'vars', key: 'no', optional: true } } },
            { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
            { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
            { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
            { name: 'HOST', valueFrom: { fieldRef: { fieldPath: 'status.hostIP' } } },
            {
              name: 'MEMORY',
              valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } },
            },
            { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'requests.cpu', divisor: '1m' } } },
          ],
        },
      ],
      spec: { restartPolicy: 'Never' },
    });
    const pod = await at.until('variables', 'has Succeeded', ({ status }) => status?.phase === 'Succeeded');
    const printed = new Set((await at.kubectl(['logs', 'variables'])).split('\n'));
    for (const line of [
      'CFG_COLOR=blue',
      'CFG_odd-key=x',
      'WORD=sesame',
      'GREETING=open sesame',
      'SHADE=blue',
      'POD=variables',
      'NODE=worker-1',
      `IP=${pod.status?.podIP}`,
      `HOST=${pod.status?.hostIP}`,
      'MEMORY=64',
      'CPU=20',
      'KUBERNETES_SERVICE_HOST=10.96.0.1',
      'args: open sesame $(GREETING) $(UNKNOWN)',
    ])
      assert.ok(printed.has(line), `"${line}" is missing in ${[...printed].sort().join('\n')}`);
    assert.ok(![...printed].some((line) => line.startsWith('MAYBE=')));
  });

  test('a pod waits for the ConfigMap and the Secret it needs, and says so', async () => {
    const at = bench();
    await at.run('patient', {
      containers: [{ env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'late', key: 'a' } } }] }],
    });
    await at.event('patient', 'Failed', /configmap "late" not found/);
    await at.until(
      'patient',
      'tells its reason',
      ({ status }) => status?.containerStatuses?.[0]?.state?.waiting?.reason === 'CreateContainerConfigError',
    );
    await at.create({ ...config, metadata: { name: 'late' }, data: { a: '1' } });
    await at.ready('patient');
  });
}
