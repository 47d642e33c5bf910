/**
 * InterPodAffinity, its required part: a pod goes only where pods it wants near are, and where none is that it, or
 * that itself, wants apart. A term speaks of all nodes that share a value of its topology key.
 *
 * A namespace selector that is not empty cannot be told here: it counts as every namespace for keeping apart, and as
 * none beyond those named for coming near, so that a doubt never puts pods together.
 */
import { type Pod, selectorMatches } from '@timonier/api';
import { hasRequiredAntiAffinity, type NodeInfo } from '../node-info.ts';
import type { Cycle, Plugin } from './plugin.ts';

const name = 'InterPodAffinity';

type Affinity = NonNullable<NonNullable<Pod['spec']>['affinity']>;
type Term = NonNullable<
  NonNullable<Affinity['podAntiAffinity']>['requiredDuringSchedulingIgnoredDuringExecution']
>[number];
/** Topology values by topology key. */
type Places = Map<string, Set<string>>;

interface Notes {
  /** Where pods are that the incoming one keeps away from. */
  readonly avoided: Places;
  /** Where pods are that keep the incoming one away. */
  readonly guarded: Places;
  readonly wanted: readonly Term[];
  /** Where pods are that match all wanted terms; undefined when the pod may be the first of its kind. */
  readonly company: Places | undefined;
}

export const interPodAffinity: Plugin = {
  name,
  preFilter: (cycle) => {
    cycle.notes.set(name, notesOf(cycle));
    return undefined;
  },
  filter: (cycle, { node }) => {
    const notes = cycle.notes.get(name) as Notes;
    const labels = node.metadata?.labels ?? {};
    const isIn = (places: Places): boolean =>
      [...places].some(([key, values]) => values.has(labels[key] ?? '') && labels[key] !== undefined);
    if (!notes.wanted.every((term) => isNear(term, labels, notes.company))) {
      return { reasons: ["node(s) didn't match pod affinity rules"], final: true };
    }
    if (isIn(notes.avoided)) return { reasons: ["node(s) didn't match pod anti-affinity rules"] };
    if (isIn(notes.guarded)) {
      return { reasons: ["node(s) didn't satisfy existing pods anti-affinity rules"] };
    }
    return undefined;
  },
};

/** True when a pod waits for others to be near it, so that another pod's placement may be its chance. */
export function seeksCompany(pod: Pod): boolean {
  return wantedBy(pod).length > 0;
}

function notesOf({ pod, cluster }: Cycle): Notes {
  const wanted = wantedBy(pod);
  const unwanted = unwantedBy(pod);
  const avoided: Places = new Map();
  const guarded: Places = new Map();
  const company: Places = new Map();
  let found = false;
  for (const node of cluster.nodes) {
    for (const other of node.keepingApart.values()) {
      for (const term of unwantedBy(other)) if (speaksOf(term, other, pod, true)) note(guarded, term, node);
    }
    if (wanted.length + unwanted.length === 0) continue;
    for (const other of node.pods.values()) {
      for (const term of unwanted) if (speaksOf(term, pod, other, true)) note(avoided, term, node);
      if (wanted.length === 0 || !wanted.every((term) => speaksOf(term, pod, other, false))) continue;
      found = true;
      for (const term of wanted) note(company, term, node);
    }
  }
  const first = !found && wanted.every((term) => speaksOf(term, pod, pod, false));
  return { avoided, guarded, wanted, company: first ? undefined : company };
}

function isNear(
  { topologyKey }: Term,
  labels: Readonly<Record<string, string>>,
  company: Places | undefined,
): boolean {
  const value = labels[topologyKey];
  if (value === undefined) return false;
  return company === undefined || company.get(topologyKey)?.has(value) === true;
}

function note(places: Places, { topologyKey }: Term, { node }: NodeInfo): void {
  const value = node.metadata?.labels?.[topologyKey];
  if (value === undefined) return;
  const values = places.get(topologyKey);
  if (values === undefined) places.set(topologyKey, new Set([value]));
  else values.add(value);
}

/** True when a term of `owner` is about `other`. */
function speaksOf(term: Term, owner: Pod, other: Pod, wide: boolean): boolean {
  const { labelSelector, namespaceSelector, namespaces = [] } = term;
  const namespace = other.metadata?.namespace ?? '';
  const everywhere = namespaceSelector !== undefined && (wide || isEmpty(namespaceSelector));
  const named =
    namespaces.length === 0 && namespaceSelector === undefined
      ? namespace === owner.metadata?.namespace
      : namespaces.includes(namespace);
  return (everywhere || named) && selectorMatches(labelSelector, other.metadata?.labels);
}

function isEmpty({
  matchLabels = {},
  matchExpressions = [],
}: NonNullable<Term['namespaceSelector']>): boolean {
  return Object.keys(matchLabels).length + matchExpressions.length === 0;
}

function wantedBy(pod: Pod): readonly Term[] {
  return pod.spec?.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
}

function unwantedBy(pod: Pod): readonly Term[] {
  if (!hasRequiredAntiAffinity(pod)) return [];
  return pod.spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
}
