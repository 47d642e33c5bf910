/**
 * The pod network of one host, computed from the Node list: pure. Hosts share a network segment, so a pod range of
 * another node is reached by a plain route over that node's address, without encapsulation.
 */
import { isIPv4 } from 'node:net';
import type { Node } from '@timonier/api';

export interface NetworkPlan {
  /** This node's own pod range; undefined when the host is no node, or has not been given one yet. */
  readonly podCidr: string | undefined;
  /** Pod range → address of the node that holds it. */
  readonly routes: ReadonlyMap<string, string>;
}

/** Routes to every other node that has both a pod range and an internal address. */
export function planNetwork(
  nodes: readonly Node[],
  self: string,
  ownAddresses: ReadonlySet<string>,
): NetworkPlan {
  let podCidr: string | undefined;
  const routes = new Map<string, string>();
  for (const node of nodes) {
    const cidr = node.spec?.podCIDRs?.find(isIPv4Cidr) ?? node.spec?.podCIDR;
    if (cidr === undefined || !isIPv4Cidr(cidr)) continue;
    if (node.metadata?.name === self) {
      podCidr = cidr;
      continue;
    }
    const address = node.status?.addresses?.find(
      (candidate) => candidate.type === 'InternalIP' && isIPv4(candidate.address ?? ''),
    )?.address;
    // An address of our own under another name would make a route that loops.
    if (address === undefined || ownAddresses.has(address)) continue;
    routes.set(cidr, address);
  }
  return { podCidr, routes };
}

/** Commands that turn `current` routes into `wanted` ones. */
export function routeChanges(
  current: ReadonlyMap<string, string>,
  wanted: ReadonlyMap<string, string>,
  protocol: number,
): string[] {
  const lines: string[] = [];
  for (const cidr of current.keys()) {
    if (!wanted.has(cidr)) lines.push(`route del ${cidr} proto ${protocol}`);
  }
  for (const [cidr, via] of wanted) {
    if (current.get(cidr) !== via) lines.push(`route replace ${cidr} via ${via} proto ${protocol}`);
  }
  return lines;
}

/** CNI configuration list for this node: Debian's bridge, host-local and portmap plugins. */
export function cniConfiguration(podCidr: string, mtu: number): string {
  const config = {
    cniVersion: '1.0.0',
    name: 'timonier',
    plugins: [
      {
        type: 'bridge',
        bridge: 'cni0',
        isGateway: true,
        isDefaultGateway: true,
        ipMasq: false,
        hairpinMode: true,
        mtu,
        ipam: { type: 'host-local', ranges: [[{ subnet: podCidr }]] },
      },
      { type: 'portmap', capabilities: { portMappings: true }, snat: true },
    ],
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** Pods that talk to anything but pods leave under the host's address. */
export function egressRules(table: string, podCidr: string | undefined, podRange: string): string {
  const rule =
    podCidr === undefined
      ? ''
      : `ip saddr ${podCidr} ip daddr != ${podRange} oifname != "cni0" masquerade fully-random`;
  return [
    `add table ip ${table}`,
    `delete table ip ${table}`,
    `table ip ${table} {`,
    '  chain postrouting {',
    '    type nat hook postrouting priority srcnat; policy accept;',
    `    ${rule}`,
    '  }',
    '}',
    '',
  ].join('\n');
}

function isIPv4Cidr(text: string): boolean {
  const [address, bits] = text.split('/');
  return isIPv4(address ?? '') && Number(bits) >= 0 && Number(bits) <= 32;
}
