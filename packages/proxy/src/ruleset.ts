/**
 * The proxy's nftables table as text for `nft -f`: pure. `renderFull` replaces the whole table, `renderChange`
 * brings it from one `ServiceTable` to the next; both are one transaction, so a packet sees the old rules or the
 * new ones and nothing between.
 *
 * A connection to a service takes this way: `prerouting`/`output` → one lookup in a dispatch map → a drawing chain,
 * which draws a slot into the mark → one lookup in the endpoint map → DNAT. `postrouting` then hides the source
 * where the answer would otherwise not come back through this host. What still carries a service address in the
 * filter hooks had no endpoint and is refused at once, so that clients do not wait for a timeout.
 */
import {
  chainName,
  markClusterwide,
  markKeepSource,
  setNames,
  type ServiceTable,
  type SetName,
} from './service-table.ts';

export const tableName = 'timonier_proxy';

export interface RulesetOptions {
  /** All pods of the cluster; sources outside it are hidden behind this host's address. */
  readonly podRange: string;
  /**
   * Pods of this node, when bridged traffic does not pass the IP hooks (no br_netfilter): an answer from a pod on
   * the same bridge would then skip the reverse translation, so such connections are hidden as well.
   */
  readonly hiddenBridgeRange?: string;
}

// `type` and not `typeof`: nft 1.0.6 cannot read back a `typeof` map when a later transaction refers to it in a rule.
const declarations: Readonly<Record<SetName, string>> = {
  services: 'map services { type ipv4_addr . inet_proto . inet_service : verdict; }',
  endpoints:
    'map endpoints { type ipv4_addr . inet_proto . inet_service . mark : ipv4_addr . inet_service; }',
  node_services: 'map node_services { type inet_proto . inet_service : verdict; }',
  node_local_services: 'map node_local_services { type inet_proto . inet_service : verdict; }',
  node_endpoints: 'map node_endpoints { type inet_proto . inet_service . mark : ipv4_addr . inet_service; }',
  node_reject: 'set node_reject { type inet_proto . inet_service; }',
  cluster_ips: 'set cluster_ips { type ipv4_addr; }',
  hairpin: 'set hairpin { type ipv4_addr . ipv4_addr; }',
};

/** Replaces the table, whatever is in the kernel now. */
export function renderFull(table: ServiceTable, options: RulesetOptions): string {
  const lines = [
    `add table ip ${tableName}`,
    `delete table ip ${tableName}`,
    `table ip ${tableName} {`,
    ...setNames.map((name) => declarations[name]),
    baseChains(options),
    '}',
    ...[...chainsOf(table)].map((name) => drawingChain(name)),
  ];
  for (const name of setNames) lines.push(...elements('add', name, [...table[name]]));
  return `${lines.join('\n')}\n`;
}

/** The transaction from `before` to `after`; empty when they are equal. Chains are kept: their number is bounded. */
export function renderChange(before: ServiceTable, after: ServiceTable): string {
  const lines: string[] = [];
  const known = chainsOf(before);
  for (const name of chainsOf(after)) if (!known.has(name)) lines.push(drawingChain(name));
  const additions: string[] = [];
  for (const name of setNames) {
    const gone = [...before[name]].filter(([key, value]) => after[name].get(key) !== value);
    const fresh = [...after[name]].filter(([key, value]) => before[name].get(key) !== value);
    lines.push(...elements('delete', name, gone));
    additions.push(...elements('add', name, fresh));
  }
  lines.push(...additions);
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function elements(verb: 'add' | 'delete', name: SetName, entries: readonly [string, string][]): string[] {
  if (entries.length === 0) return [];
  const text = entries.map(([key, value]) => (verb === 'delete' || value === '' ? key : `${key} : ${value}`));
  return [`${verb} element ip ${tableName} ${name} { ${text.join(', ')} }`];
}

function chainsOf(table: ServiceTable): Set<string> {
  const names = new Set<string>();
  for (const map of [table.services, table.node_services, table.node_local_services]) {
    for (const verdict of map.values()) if (verdict.startsWith('goto ')) names.add(verdict.slice(5));
  }
  return names;
}

/** A drawing chain is wholly described by its name. It must not be in the kernel yet: its rules are appended. */
function drawingChain(name: string): string {
  const match = /^(node_)?(any|hash)_(masq|keep)_(\d+)$/.exec(name);
  if (match === null) throw new Error(`not the name of a drawing chain: ${name}`);
  const count = Number(match[4]);
  const mark = match[3] === 'keep' ? markKeepSource : markClusterwide;
  const draw =
    match[2] === 'hash' ? `jhash ip saddr mod ${count} seed 0x54490000` : `numgen random mod ${count}`;
  const key =
    match[1] === undefined
      ? 'ip daddr . meta l4proto . th dport . meta mark map @endpoints'
      : 'meta l4proto . th dport . meta mark map @node_endpoints';
  const chain = chainName(`${match[1] ?? ''}${match[2]}`, mark, count);
  return [
    `table ip ${tableName} {`,
    `  chain ${chain} {`,
    `    meta mark set ${draw} offset ${mark}`,
    `    dnat ip to ${key}`,
    '  }',
    '}',
  ].join('\n');
}

function baseChains(options: RulesetOptions): string {
  const masked = `meta mark & 0xffff0000 == ${markClusterwide}`;
  const hidden =
    options.hiddenBridgeRange === undefined
      ? []
      : [`${masked} ip saddr ${options.hiddenBridgeRange} ip daddr ${options.hiddenBridgeRange} masquerade`];
  const dispatch = [
    'ip daddr . meta l4proto . th dport vmap @services',
    'fib daddr type local meta l4proto . th dport vmap @node_services',
  ];
  return [
    'chain prerouting {',
    '  type nat hook prerouting priority dstnat; policy accept;',
    `  ip saddr != ${options.podRange} fib daddr type local meta l4proto . th dport vmap @node_local_services`,
    ...dispatch,
    '}',
    'chain output {',
    '  type nat hook output priority -100; policy accept;',
    ...dispatch,
    '}',
    'chain postrouting {',
    '  type nat hook postrouting priority srcnat; policy accept;',
    '  ip saddr . ip daddr @hairpin masquerade',
    `  ${masked} ip saddr != ${options.podRange} masquerade fully-random`,
    ...hidden,
    '}',
    'chain refuse {',
    '  meta l4proto tcp reject with tcp reset',
    '  reject with icmp port-unreachable',
    '}',
    ...['forward', 'output', 'input'].flatMap((hook) => [
      `chain filter_${hook} {`,
      `  type filter hook ${hook} priority filter; policy accept;`,
      '  ct state new ip daddr @cluster_ips jump refuse',
      ...(hook === 'input' ? ['  ct state new meta l4proto . th dport @node_reject jump refuse'] : []),
      '}',
    ]),
  ].join('\n');
}
