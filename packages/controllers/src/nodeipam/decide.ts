/** Gives each node without a pod range the first free one of the cluster's. Pure; IPv4 only. */
import type { Node } from '@timonier/api';

export interface Assignment {
  readonly node: string;
  readonly podCidr: string;
}

/** Throws when `clusterCidr` is not an IPv4 range that `maskSize` divides. */
export function decide(
  nodes: readonly Node[],
  clusterCidr: string,
  maskSize: number,
): { readonly assignments: readonly Assignment[]; readonly exhausted: readonly string[] } {
  const { base, prefix } = parseCidr(clusterCidr);
  if (maskSize < prefix || maskSize > 30) {
    throw new Error(`a node's mask of ${maskSize} bits does not divide ${clusterCidr}`);
  }
  const size = 2 ** (32 - maskSize);
  const count = 2 ** (maskSize - prefix);
  const taken = new Set<number>();
  for (const node of nodes) {
    for (const cidr of node.spec?.podCIDRs ?? [node.spec?.podCIDR ?? '']) {
      if (cidr === '' || cidr.includes(':')) continue;
      const range = parseCidr(cidr);
      const first = Math.floor((range.base - base) / size);
      const last = Math.floor((range.base + 2 ** (32 - range.prefix) - 1 - base) / size);
      for (let i = Math.max(0, first); i <= Math.min(last, count - 1); i++) taken.add(i);
    }
  }
  const assignments: Assignment[] = [];
  const exhausted: string[] = [];
  let next = 0;
  const waiting = nodes.filter(({ spec, metadata }) => {
    return (spec?.podCIDR ?? '') === '' && metadata?.deletionTimestamp === undefined;
  });
  for (const node of waiting.toSorted((a, b) =>
    (a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1,
  )) {
    while (taken.has(next)) next += 1;
    const name = node.metadata?.name ?? '';
    if (next >= count) exhausted.push(name);
    else assignments.push({ node: name, podCidr: `${formatAddress(base + next * size)}/${maskSize}` });
    next += 1;
  }
  return { assignments, exhausted };
}

function parseCidr(text: string): { base: number; prefix: number } {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(text);
  const [a = 256, b = 256, c = 256, d = 256, prefix = 33] = (match ?? []).slice(1).map(Number);
  if ([a, b, c, d].some((part) => part > 255) || prefix > 32)
    throw new Error(`"${text}" is not an IPv4 range`);
  const address = ((a * 256 + b) * 256 + c) * 256 + d;
  const size = 2 ** (32 - prefix);
  return { base: Math.floor(address / size) * size, prefix };
}

function formatAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}
