/** The whole kubelet on a real runtime: Debian's containerd, static pods, and its own HTTPS server. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { connectCri, type CriClient } from '@timonier/grpc/cri';
import { createAuthority, createCertificate } from '@timonier/pki';
import { until } from '../../../test/acceptance/wait.ts';
import { missingOf } from '../../../test/conformance/metrics/check-needed.ts';
import { parseExposition } from '../../../test/conformance/metrics/exposition.ts';
import { neededOfContainers, neededOfKubelets } from '../../../test/conformance/metrics/needed.ts';
import { ContainerdLab, labImage } from './containerd-lab.ts';

const missing = ['/usr/bin/containerd', '/usr/sbin/runc', '/bin/busybox', '/usr/lib/cni/bridge'].filter(
  (file) => !existsSync(file),
);
const skip =
  process.getuid?.() !== 0
    ? 'needs root for namespaces and containers'
    : missing.length > 0
      ? `needs ${missing.join(', ')}`
      : false;

const manifest = `
apiVersion: v1
kind: Pod
metadata: { name: hello, labels: { app: hello } }
spec:
  terminationGracePeriodSeconds: 1
  initContainers:
    - name: setup
      image: ${labImage}
      command: [sh, -c, 'echo prepared > /data/state']
      volumeMounts: [{ name: data, mountPath: /data }]
  containers:
    - name: web
      image: ${labImage}
      command: [sh, -c, 'echo "$(cat /data/state) $NAME"; exec httpd -f -p 8080 -h /data']
      env: [{ name: NAME, valueFrom: { fieldRef: { fieldPath: metadata.name } } }]
      ports: [{ name: http, containerPort: 8080 }]
      readinessProbe: { httpGet: { path: /state, port: http }, periodSeconds: 1 }
      volumeMounts: [{ name: data, mountPath: /data }]
    - name: crash
      image: ${labImage}
      command: [sh, -c, 'echo last words > /dev/termination-log; exit 3']
  volumes: [{ name: data, emptyDir: {} }]
`;

const starter = `
const [command, component] = await Promise.all([import(process.argv[1]), import(process.argv[2])]);
process.exitCode = await component.runComponent(command.command, process.argv.slice(3));
`;
const port = '10250';
const deadlineMs = 240_000;

let lab: ContainerdLab | undefined;
let cri: CriClient | undefined;
let kubelet: ChildProcess | undefined;

function parts(): { lab: ContainerdLab; cri: CriClient } {
  assert.ok(lab && cri);
  return { lab, cri };
}

function startKubelet(): void {
  const at = parts().lab;
  const own = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
  const flags = {
    'node-name': 'lab',
    'node-ip': at.nodeAddress,
    'container-runtime-endpoint': at.endpoint,
    'root-dir': join(at.directory, 'kubelet'),
    'pod-log-dir': join(at.directory, 'logs'),
    'pod-manifest-path': join(at.directory, 'manifests'),
    'file-check-frequency': '200ms',
    'cgroup-parent': at.cgroup,
    'client-ca-file': join(at.directory, 'ca.crt'),
    'log-level': 'error',
    port,
    'ops-address': '',
  };
  const [file, ...args] = at.enter([
    process.execPath,
    '--input-type=module',
    '-e',
    starter,
    own('./command.ts'),
    own('../../component/src/index.ts'),
    ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
  ]);
  kubelet = spawn(file, args, { stdio: ['ignore', 'ignore', 'inherit'] });
}

async function stopKubelet(signal: NodeJS.Signals): Promise<void> {
  if (kubelet === undefined || kubelet.exitCode !== null || kubelet.signalCode !== null) return;
  const ended = once(kubelet, 'exit');
  kubelet.kill(signal);
  await ended;
}

/** Asks the kubelet's server from inside its network. */
async function ask(path: string, asAdmin = true): Promise<{ status: number; body: string }> {
  const at = parts().lab;
  const identity = asAdmin
    ? ['--cert', join(at.directory, 'admin.crt'), '--key', join(at.directory, 'admin.key')]
    : [];
  const [file, ...args] = at.enter([
    'curl',
    '-sk',
    '--max-time',
    '60',
    ...identity,
    '-w',
    '\\n%{http_code}',
    `https://127.0.0.1:${port}${path}`,
  ]);
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(child, 'close');
  const text = Buffer.concat(chunks).toString();
  const end = text.lastIndexOf('\n');
  return { status: Number(text.slice(end + 1)), body: text.slice(0, end) };
}

interface SeenContainer {
  readonly name: string;
  readonly ready: boolean;
  readonly restartCount: number;
  readonly containerID?: string;
  readonly state?: { readonly waiting?: { readonly reason?: string } };
  readonly lastState?: { readonly terminated?: { readonly exitCode: number; readonly message?: string } };
}

interface SeenPod {
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly containerStatuses?: readonly SeenContainer[];
  };
}

async function podStatus(): Promise<NonNullable<SeenPod['status']> | undefined> {
  const { status, body } = await ask('/pods');
  if (status !== 200) return undefined;
  return (JSON.parse(body) as { items: SeenPod[] }).items[0]?.status;
}

before(async () => {
  if (skip !== false) return;
  lab = await ContainerdLab.create();
  cri = connectCri(lab.endpoint);
  const authority = createAuthority('lab-ca', 1);
  const admin = createCertificate(
    { commonName: 'admin', organizations: ['system:masters'], usages: ['client'], validDays: 1 },
    authority,
  );
  writeFileSync(join(lab.directory, 'ca.crt'), authority.certificate);
  writeFileSync(join(lab.directory, 'admin.crt'), admin.certificate);
  writeFileSync(join(lab.directory, 'admin.key'), admin.key);
  mkdirSync(join(lab.directory, 'manifests'));
  writeFileSync(join(lab.directory, 'manifests', 'hello.yaml'), manifest);
  startKubelet();
});
after(async () => {
  await stopKubelet('SIGTERM');
  cri?.close();
  await lab?.destroy();
});

test(
  'a pod runs: init first, then the others, ready by its probe, restarted when it exits',
  { skip },
  async () => {
    const containerOf = async (name: string): Promise<SeenContainer | undefined> =>
      (await podStatus())?.containerStatuses?.find((container) => container.name === name);
    // Whenever that is seen, and whatever the other container needs to get ready.
    const crash = await until('crash has been restarted', deadlineMs, async () => {
      const now = await containerOf('crash');
      return now?.state?.waiting?.reason === 'CrashLoopBackOff' ? now : undefined;
    });
    await until('web is ready', deadlineMs, async () =>
      (await containerOf('web'))?.ready === true ? true : undefined,
    );
    const status = await podStatus();
    assert.equal(status?.phase, 'Running');
    assert.match(status.podIP ?? '', /^10\.244\.7\./);
    assert.ok(crash.restartCount >= 1, String(crash.restartCount));
    assert.deepEqual(
      { code: crash.lastState?.terminated?.exitCode, message: crash.lastState?.terminated?.message },
      { code: 3, message: 'last words\n' },
    );
  },
);

test('logs are served to administrators only', { skip }, async () => {
  const path = '/containerLogs/default/hello-lab/web';
  // The runtime copies what the program has long said.
  await until('the line is in the log', deadlineMs, async () =>
    (await ask(path)).body === '' ? undefined : true,
  );
  assert.deepEqual(await ask(path), { status: 200, body: 'prepared hello-lab\n' });
  assert.equal((await ask(path, false)).status, 401);
  assert.equal((await ask('/healthz', false)).status, 200);
  assert.equal((await ask('/containerLogs/default/hello-lab/nothing')).status, 400);
  assert.match(
    (await ask('/metrics')).body,
    /kubelet_runtime_operations_total\{operation_type="run_podsandbox"\} [1-9]/,
  );
});

test('its metrics have what dashboards of kubelets and of resources ask for', { skip }, async () => {
  const missing = async (path: string, wanted: typeof neededOfKubelets): Promise<string[]> =>
    missingOf(parseExposition((await ask(path)).body), wanted);
  await until('statistics are there', deadlineMs, async () => {
    const told = [
      ...(await missing('/metrics', neededOfKubelets)),
      ...(await missing('/metrics/cadvisor', neededOfContainers)),
    ];
    if (told.length > 0) throw new Error(told.join('\n'));
    return true;
  });
  const { body } = await ask('/metrics/cadvisor');
  // Recording rules leave out what has no image, as the processes around containers.
  assert.match(body, /^container_memory_working_set_bytes\{container="web",.*image="[^"]+"/m);
});

test('a kubelet that was killed finds its pods again and leaves them running', { skip }, async () => {
  const idOf = async (): Promise<string | undefined> =>
    (await podStatus())?.containerStatuses?.find(({ name, ready }) => name === 'web' && ready)?.containerID;
  const before = await until('web is ready', deadlineMs, idOf);
  await stopKubelet('SIGKILL');
  startKubelet();
  assert.equal(await until('web is ready again', deadlineMs, idOf), before);
  const { items } = await parts().cri.runtime.ListPodSandbox({});
  assert.equal(items.length, 1);
});

test('a pod that is not wanted any more ends, also when the kubelet was away', { skip }, async () => {
  await stopKubelet('SIGKILL');
  rmSync(join(parts().lab.directory, 'manifests', 'hello.yaml'));
  startKubelet();
  await until('nothing is left in the runtime', deadlineMs, async () => {
    const { items } = await parts().cri.runtime.ListPodSandbox({});
    const { containers } = await parts().cri.runtime.ListContainers({});
    return items.length === 0 && containers.length === 0 ? true : undefined;
  });
});
