/**
 * The table of subcommands. Each is loaded when it is called and not before.
 */
import { type Component, runComponent, type RunProgram } from '@timonier/component';

export interface Command {
  readonly name: string;
  readonly summary: string;
  readonly group: 'cluster' | 'component';
  /** Resolves with the process's exit code. */
  readonly run: (argv: readonly string[]) => Promise<number>;
}

// A component's flags have a type of their own that nobody here needs to know.
// oxlint-disable-next-line typescript/no-explicit-any
type AnyComponent = Component<any>;

function component(name: string, summary: string, load: () => Promise<AnyComponent>): Command {
  return { name, summary, group: 'component', run: async (argv) => runComponent(await load(), argv) };
}

function verb(name: string, summary: string, load: () => Promise<RunProgram>): Command {
  return { name, summary, group: 'cluster', run: async (argv) => (await load())(argv) };
}

export const commands: readonly Command[] = [
  verb(
    'up',
    'start a highly available cluster on this machine',
    async () => (await import('./verbs/up.ts')).up,
  ),
  verb(
    'down',
    'stop a cluster and remove what it left in the kernel',
    async () => (await import('./verbs/down.ts')).down,
  ),
  verb(
    'status',
    'show the hosts of a cluster and who is active',
    async () => (await import('./verbs/status.ts')).status,
  ),
  verb(
    'host',
    'run a program inside a host: host exec NAME -- COMMAND',
    async () => (await import('./verbs/host.ts')).host,
  ),
  verb(
    'image',
    'put an image on every node: image load FILE',
    async () => (await import('./verbs/image.ts')).image,
  ),
  verb(
    'chaos',
    'play with failure: kill, poweroff, stop, cut … a host',
    async () => (await import('./verbs/chaos.ts')).chaos,
  ),
  verb(
    'member',
    'list, add, remove, promote, replace members of a store',
    async () => (await import('./verbs/member.ts')).member,
  ),
  verb(
    'kubectl',
    'get, describe, apply, delete, logs, exec, scale',
    async () => (await import('./kubectl/main.ts')).kubectl,
  ),
  verb(
    'encryption',
    'change the key that encrypts secrets in the store',
    async () => (await import('./verbs/encryption.ts')).encryption,
  ),
  verb(
    'snapshot',
    'save, check and restore the state of a store',
    async () => (await import('./verbs/snapshot.ts')).snapshot,
  ),
  component(
    'master',
    'supervisor of a master host',
    async () => (await import('@timonier/master/command')).command,
  ),
  component(
    'worker',
    'supervisor of a worker host',
    async () => (await import('@timonier/worker/command')).command,
  ),
  component(
    'vip',
    'holder of the cluster’s address',
    async () => (await import('@timonier/master/vip')).command,
  ),
  component(
    'store',
    'Raft store with etcd’s API',
    async () => (await import('@timonier/store/command')).command,
  ),
  component(
    'apiserver',
    'Kubernetes API server',
    async () => (await import('@timonier/apiserver/command')).command,
  ),
  component(
    'control-loops',
    'scheduler and controllers in one process',
    async () => (await import('@timonier/master/control-loops')).command,
  ),
  component(
    'scheduler',
    'binds pods to nodes',
    async () => (await import('@timonier/scheduler/command')).command,
  ),
  component(
    'controller-manager',
    'deployments, endpoints, node lifecycle …',
    async () => (await import('@timonier/controllers/command')).command,
  ),
  component(
    'cloud-controller-manager',
    'what depends on the cloud',
    async () => (await import('@timonier/cloud/command')).command,
  ),
  component(
    'kubelet',
    'runs the pods of a node',
    async () => (await import('@timonier/kubelet/command')).command,
  ),
  component('cri', 'container runtime', async () => (await import('@timonier/cri/command')).command),
  component(
    'image-import',
    'import an image archive into the runtime of this host',
    async () => (await import('@timonier/cri/command')).imageImport,
  ),
  component(
    'proxy',
    'pod network and services on a host',
    async () => (await import('@timonier/proxy/command')).command,
  ),
  component('dns', 'names of services', async () => (await import('@timonier/dns/command')).command),
];

export function findCommand(name: string): Command | undefined {
  return commands.find((command) => command.name === name);
}

export function generalHelp(): string {
  const list = (group: Command['group']): string =>
    commands
      .filter((command) => command.group === group)
      .map(({ name, summary }) => `  ${name.padEnd(26)}${summary}`)
      .join('\n');
  return `timonier: a Kubernetes-compatible cluster whose masters are active and passive

Examples:
  timonier up                           3 masters and 2 workers on this machine
  timonier status
  timonier kubectl get nodes
  timonier chaos kill master-1          and see who takes over
  timonier down

Clusters on this machine:
${list('cluster')}

Components, each runnable by hand:
${list('component')}

'timonier COMMAND --help' explains a command.
Exit codes: 0 done, 1 failed, 2 wrong command line; 'host exec' and 'kubectl exec' pass on the program's own.
`;
}
