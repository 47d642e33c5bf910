/**
 * Sentence 1: the demo Deployment runs as real containers on every node that takes pods, and is reached in every way
 * a person reaches it; kubectl's everyday verbs work on it.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Cluster, HostStatus } from '../cluster.ts';
import { mustRun } from '../command.ts';
import type { Kubectl } from '../kubectl.ts';
import { expect, until } from '../wait.ts';

export const helloManifest = fileURLToPath(new URL('../../../deploy/examples/hello.yaml', import.meta.url));

export interface Pod {
  readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string };
  readonly spec: { readonly nodeName?: string };
  readonly status: {
    readonly phase: string;
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly { readonly containerID?: string }[];
  };
}

export function isReady(pod: Pod): boolean {
  return (
    pod.metadata.deletionTimestamp === undefined &&
    pod.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true
  );
}

/** Waits until exactly `count` pods of the demo are ready and none is left besides, and returns them. */
export function readyPods(cluster: Cluster, count: number, deadlineMs = 60_000): Promise<readonly Pod[]> {
  return until(`${count} pods of the demo are ready`, deadlineMs, async () => {
    const { items } = await cluster.get<{ items: Pod[] }>('pods', '-l', 'app=hello');
    const ready = items.filter(isReady);
    return ready.length === count ? ready : undefined;
  });
}

/** Fetches a page from inside a host, and returns its text. */
function fetchFrom(cluster: Cluster, host: string, url: string): Promise<string> {
  return cluster.exec(host, ['busybox', 'timeout', '3', 'busybox', 'wget', '-q', '-O', '-', url], {
    timeoutMs: 60_000,
  });
}

export async function hello(cluster: Cluster, kubectl: Kubectl): Promise<void> {
  const k = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await cluster.tryKubectl(args, { timeoutMs: 90_000 }, kubectl);
    expect(code === 0, `kubectl ${args.join(' ')} ended with ${code}: ${stderr}`);
    return stdout;
  };
  await k('apply', '-f', helloManifest);
  await k('rollout', 'status', 'deployment/hello', '--timeout=60s');
  await k('wait', '--for=condition=Available', 'deployment/hello', '--timeout=30s');
  const pods = await readyPods(cluster, 4);
  const { hosts } = await cluster.status();
  const nodes = new Set(pods.map((pod) => pod.spec.nodeName ?? ''));
  const schedulable = cluster.options.workers > 0 ? hosts.filter((host) => host.kind === 'worker') : hosts;
  expect(nodes.size === Math.min(4, schedulable.length), `the pods run on ${[...nodes].join(', ')} only`);

  await realContainers(cluster, pods);
  await everyWayIn(cluster, hosts, pods, k);
  await pipesAndCopies(cluster, kubectl, pods[0]?.metadata.name ?? '');
  await lookInside(pods[0]?.metadata.name ?? '', k);
  await everydayVerbs(pods, k);
  await k('delete', '-f', helloManifest, '--timeout=60s');
  await until('no pod of the demo is left', 60_000, async () => {
    const { items } = await cluster.get<{ items: Pod[] }>('pods', '-l', 'app=hello');
    return items.length === 0 ? true : undefined;
  });
}

/** The OCI runtime lists one container per pod, and no two share a network or PID namespace. */
async function realContainers(cluster: Cluster, pods: readonly Pod[]): Promise<void> {
  const seen = new Set<string>();
  for (const pod of pods) {
    const node = pod.spec.nodeName ?? '';
    const id = (pod.status.containerStatuses?.[0]?.containerID ?? '').replace(/^.*:\/\//, '');
    expect(id !== '', `pod ${pod.metadata.name} has no container id`);
    const pid = await containerPid(cluster, node, id);
    for (const kind of ['net', 'pid', 'mnt']) {
      const namespace = `${node} ${(await cluster.exec(node, ['readlink', `/proc/${pid}/ns/${kind}`])).trim()}`;
      expect(!seen.has(namespace), `two containers share the ${kind} namespace ${namespace}`);
      seen.add(namespace);
    }
  }
}

/** Asks the OCI runtime itself. */
async function containerPid(cluster: Cluster, node: string, id: string): Promise<number> {
  const roots =
    cluster.options.runtime === 'containerd'
      ? [
          ['runc', '/run/containerd/runc/k8s.io'],
          ['crun', '/run/containerd/runc/k8s.io'],
        ]
      : [
          ['crun', '/run/timonier/cri/crun'],
          ['runc', '/run/timonier/cri/runc'],
        ];
  const errors: string[] = [];
  for (const [runtime = '', root = ''] of roots) {
    try {
      const state = JSON.parse(await cluster.exec(node, [runtime, '--root', root, 'state', id])) as {
        pid: number;
        status: string;
      };
      expect(state.status === 'running', `${runtime} says that ${id} is ${state.status}`);
      return state.pid;
    } catch (error) {
      errors.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new Error(`no OCI runtime on ${node} knows container ${id}: ${errors.join('; ')}`);
}

async function everyWayIn(
  cluster: Cluster,
  hosts: readonly HostStatus[],
  pods: readonly Pod[],
  k: (...args: readonly string[]) => Promise<string>,
): Promise<void> {
  const active = await cluster.activeMaster();
  const service = await cluster.get<{ spec: { clusterIP: string; ports: { nodePort: number }[] } }>(
    'service',
    'hello',
  );
  const { clusterIP, ports } = service.spec;
  const others = hosts.filter((host) => host.ready);
  for (const pod of pods) {
    const elsewhere =
      others.find(
        (host) =>
          host.name !== pod.spec.nodeName && (host.kind === 'worker' || cluster.options.workers === 0),
      ) ?? active;
    for (const host of [elsewhere.name, active.name]) {
      const page = await until(`${pod.metadata.name} answers ${host}`, 60_000, () =>
        fetchFrom(cluster, host, `http://${pod.status.podIP ?? ''}:8080/`),
      );
      expect(
        page.includes(pod.metadata.name),
        `${pod.status.podIP ?? ''} answered "${page.trim()}" instead of naming ${pod.metadata.name}`,
      );
    }
  }
  const names = pods.map((pod) => pod.metadata.name);
  const isOurs = (page: string): true | undefined =>
    names.some((name) => page.includes(name)) ? true : undefined;
  for (const host of [active.name, ...new Set(pods.map((pod) => pod.spec.nodeName ?? ''))]) {
    await until(`the ClusterIP answers ${host}`, 60_000, async () =>
      isOurs(await fetchFrom(cluster, host, `http://${clusterIP}/`)),
    );
  }
  for (const pod of pods) {
    for (const name of ['hello', 'hello.default.svc.cluster.local', clusterIP]) {
      await until(`http://${name}/ answers inside ${pod.metadata.name}`, 60_000, async () =>
        isOurs(await k('exec', pod.metadata.name, '--', 'wget', '-q', '-O', '-', `http://${name}/`)),
      );
    }
  }
  await until('the NodePort answers on 127.0.0.1', 60_000, async () => {
    const response = await fetch(`http://127.0.0.1:${ports[0]?.nodePort ?? 0}/`, {
      signal: AbortSignal.timeout(10_000),
    });
    return isOurs(await response.text());
  });
}

async function everydayVerbs(
  pods: readonly Pod[],
  k: (...args: readonly string[]) => Promise<string>,
): Promise<void> {
  const name = pods[0]?.metadata.name ?? '';
  const wide = await k('get', 'pods', '-l', 'app=hello', '-o', 'wide');
  expect(/NAME\s+READY\s+STATUS\s+RESTARTS\s+AGE\s+IP\s+NODE/.test(wide), `get -o wide printed: ${wide}`);
  for (const pod of pods)
    expect(wide.includes(pod.status.podIP ?? 'no IP'), `get -o wide lacks ${pod.status.podIP ?? ''}`);
  const described = await k('describe', 'pod', name);
  expect(
    described.includes('Successfully assigned') && described.includes('Started'),
    `describe lacks the events: ${described}`,
  );
  expect(
    (await k('describe', 'deployment', 'hello')).includes('ScalingReplicaSet'),
    'describe lacks the ScalingReplicaSet event',
  );
  expect((await k('logs', name)).length > 0, 'logs are empty');
  expect(
    (await k('exec', name, '--', 'cat', '/etc/hello/greeting')).includes('hello from a ConfigMap'),
    'the ConfigMap is not mounted',
  );
  expect((await k('exec', name, '--', 'hostname')).trim() === name, 'exec does not run inside the pod');
  expect(
    (await k('explain', 'deployment.spec.replicas')).includes('replicas'),
    'explain does not know replicas',
  );
  expect((await k('get', 'nodes')).includes('Ready'), 'get nodes shows no Ready node');
  expect(
    (await mustFail(k, 'exec', name, '--', 'false')).includes('exit code 1'),
    'exec does not pass on the exit code',
  );
  await k('scale', 'deployment/hello', '--replicas=2');
  await k('wait', '--for=jsonpath={.status.readyReplicas}=2', 'deployment/hello', '--timeout=30s');
  await k('scale', 'deployment/hello', '--replicas=4');
  await k('rollout', 'status', 'deployment/hello', '--timeout=60s');
}

/** `kubectl debug` puts a container of other tools beside a running one, and it sees that one's processes. */
async function lookInside(pod: string, k: (...args: readonly string[]) => Promise<string>): Promise<void> {
  const image = ['--image=timonier.local/demo:latest', '--image-pull-policy=IfNotPresent'];
  await k(
    'debug',
    pod,
    ...image,
    '--target=web',
    '-c',
    'look',
    '--',
    'sh',
    '-c',
    'cat /proc/1/cmdline; exit 3',
  );
  const end = '{.status.ephemeralContainerStatuses[0].state.terminated.exitCode}';
  await k('wait', `--for=jsonpath=${end}=3`, `pod/${pod}`, '--timeout=30s');
  const own = await k('exec', pod, '-c', 'web', '--', 'cat', '/proc/1/cmdline');
  expect((await k('logs', pod, '-c', 'look')) === own, 'an ephemeral container does not see its target');
  expect(
    (await k('get', 'pod', pod, '--no-headers')).includes('1/1'),
    'an ephemeral container counts as one of the pod',
  );
}

/** Input that ends while output goes on, and a file there and back: what breaks first when streams are joined wrongly. */
async function pipesAndCopies(cluster: Cluster, kubectl: Kubectl, pod: string): Promise<void> {
  const input = 'b\na\n'.repeat(20_000);
  const sorted = await cluster.tryKubectl(
    ['exec', '-i', pod, '--', 'sh', '-c', 'sort; exit 7'],
    { input, timeoutMs: 30_000 },
    kubectl,
  );
  expect(sorted.code === 7, `exec -i ended with ${sorted.code}: ${sorted.stderr}`);
  expect(sorted.stdout === 'a\n'.repeat(20_000) + 'b\n'.repeat(20_000), 'exec -i lost bytes on the way');
  const folder = await mkdtemp(join(tmpdir(), 'timonier-copy-'));
  try {
    const bytes = randomBytes(2_000_000);
    await writeFile(join(folder, 'there'), bytes);
    for (const [from, to] of [
      [join(folder, 'there'), `${pod}:/tmp/copied`],
      [`${pod}:/tmp/copied`, join(folder, 'back')],
    ] as const) {
      const { code, stderr } = await cluster.tryKubectl(['cp', from, to], { timeoutMs: 30_000 }, kubectl);
      expect(code === 0, `kubectl cp ${from} ${to} ended with ${code}: ${stderr}`);
    }
    expect(bytes.equals(await readFile(join(folder, 'back'))), 'the copy came back changed');
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function mustFail(
  k: (...args: readonly string[]) => Promise<string>,
  ...args: readonly string[]
): Promise<string> {
  try {
    await k(...args);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  throw new Error(`kubectl ${args.join(' ')} should have failed`);
}

/** The OCI runtimes' own version lines. */
export async function runtimeVersion(cluster: Cluster): Promise<string> {
  const tool = cluster.options.runtime === 'containerd' ? 'containerd' : 'crun';
  return (await mustRun(tool, ['--version'])).split('\n')[0] ?? tool;
}
