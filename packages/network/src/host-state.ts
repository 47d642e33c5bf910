/**
 * What the kernel of this host has now, as far as pod networking cares: our routes, our addresses, the MTU of the
 * uplink, and the sysctls that forwarding needs. Reading only, except for `prepareForwarding`.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { runCommand } from './commands.ts';

/** Marks the routes that are ours; numbers above 4 are free for routing daemons to choose. */
export const routeProtocol = 84;

interface RouteEntry {
  readonly dst: string;
  readonly gateway?: string;
  readonly dev?: string;
}

/** Our routes now: destination → gateway. */
export async function readRoutes(): Promise<Map<string, string>> {
  const entries = parseRoutes(
    await runCommand('ip', ['-j', 'route', 'show', 'proto', String(routeProtocol)]),
  );
  return new Map(entries.map(({ dst, gateway }) => [dst, gateway ?? '']));
}

/** MTU of the interface that the default route uses, or 1500. */
export async function readUplinkMtu(): Promise<number> {
  const device = parseRoutes(await runCommand('ip', ['-j', 'route', 'show', 'default']))[0]?.dev;
  if (device === undefined) return 1500;
  const text = await readFile(`/sys/class/net/${device}/mtu`, 'utf8').catch(() => '');
  return Number(text.trim()) || 1500;
}

export function ownAddresses(): Set<string> {
  return new Set(
    Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map((one) => one.address)),
  );
}

/** Whether packets between ports of one bridge pass the IP hooks, so that translations on them are undone. */
export async function bridgeTrafficIsFiltered(): Promise<boolean> {
  const text = await readFile('/proc/sys/net/bridge/bridge-nf-call-iptables', 'utf8').catch(() => '0');
  return text.trim() === '1';
}

const forwardingSysctls: readonly (readonly [string, string])[] = [
  ['net/ipv4/ip_forward', '1'],
  // Loose: answers may come back over another interface than the best route, as with a moving address.
  ['net/ipv4/conf/all/rp_filter', '2'],
  // Lets 127.0.0.1:NODEPORT be translated to a pod.
  ['net/ipv4/conf/all/route_localnet', '1'],
  ['net/bridge/bridge-nf-call-iptables', '1'],
];

/** Sets what forwarding needs in this network namespace. Returns the settings that could not be made. */
export async function prepareForwarding(): Promise<string[]> {
  const refused: string[] = [];
  for (const [name, wanted] of forwardingSysctls) {
    const path = `/proc/sys/${name}`;
    const current = await readFile(path, 'utf8').catch(() => undefined);
    if (current?.trim() === wanted) continue;
    await writeFile(path, wanted).catch((error: unknown) => {
      refused.push(
        `${name.replaceAll('/', '.')}=${wanted}: ${error instanceof Error ? error.message : String(error)}`,
      );
    });
  }
  return refused;
}

function parseRoutes(text: string): RouteEntry[] {
  return text.trim() === '' ? [] : (JSON.parse(text) as RouteEntry[]);
}
