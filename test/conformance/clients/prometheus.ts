/**
 * Prometheus' own service discovery against the API: every role finds its targets with the labels that upstream's
 * objects would give them, and sees one that comes and goes.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { mustRun } from '../../acceptance/command.ts';
import { until } from '../../acceptance/wait.ts';

export const roles = ['node', 'service', 'pod', 'endpoints', 'endpointslice', 'ingress'] as const;
export type Role = (typeof roles)[number];

export type Labels = Readonly<Record<string, string>>;

/** What a role has to find: one target with these labels, whatever else it has. */
export interface Expected {
  readonly role: Role;
  readonly labels: Labels;
}

export interface Discovery {
  /** Waits until a target has the labels. Throws with the nearest one when none comes. */
  finds(expected: Expected): Promise<void>;
  /** Waits until no target has them. */
  loses(expected: Expected): Promise<void>;
  close(): Promise<void>;
}

const deadlineMs = 60_000;

const sources = join(import.meta.dirname, 'prometheus-sd');
const built = fileURLToPath(new URL('../../../node_modules/.cache/timonier-prometheus-sd', import.meta.url));

/** Builds the program that runs it. Debian's Prometheus is built without this part. Throws when there is no Go. */
async function build(): Promise<string> {
  try {
    await mustRun('go', ['version']);
  } catch (error) {
    throw new Error("Prometheus' service discovery is built from its Go module: install Go 1.23 or newer", {
      cause: error,
    });
  }
  await mustRun('go', ['build', '-C', sources, '-trimpath', '-o', built, '.'], { timeoutMs: 1_800_000 });
  return built;
}

/** `kubeconfig` is the one it reads; `namespace` is where it looks, except for nodes. */
export async function startDiscovery(kubeconfig: string, namespace: string): Promise<Discovery> {
  const child = spawn(await build(), [kubeconfig, namespace], { stdio: ['ignore', 'pipe', 'pipe'] });
  const exit = once(child, 'exit');
  let said = '';
  child.stderr.on('data', (chunk) => (said = (said + String(chunk)).slice(-4_000)));
  let latest: Readonly<Record<string, readonly Labels[] | null>> = {};
  createInterface(child.stdout).on('line', (line) => (latest = JSON.parse(line) as typeof latest));
  const found = (role: Role): readonly Labels[] => latest[role] ?? [];
  return {
    finds: async ({ role, labels }) => {
      let nearest: readonly string[] = ['nothing at all'];
      const look = (): true | undefined => {
        const lacks = found(role).map((target) =>
          Object.entries(labels)
            .filter(([name, value]) => target[name] !== value)
            .map(([name, value]) => `${name} is ${target[name] ?? 'missing'}, not ${value}`),
        );
        nearest = lacks.sort((a, b) => a.length - b.length)[0] ?? nearest;
        return nearest.length === 0 ? true : undefined;
      };
      await until(`role ${role} finds its target`, deadlineMs, look).catch((error: unknown) => {
        throw new Error(`role ${role}: ${nearest.join('; ')}\n${said.slice(-600)}`, { cause: error });
      });
    },
    loses: ({ role, labels }) =>
      until(`role ${role} loses its target`, deadlineMs, () => {
        return found(role).some((one) => Object.entries(labels).every(([name, value]) => one[name] === value))
          ? undefined
          : true;
      }).then(() => undefined),
    close: async () => {
      child.kill('SIGKILL');
      await exit;
    },
  };
}
