/**
 * What of a pod or a pod's template is hardly meant, or does nothing any more: in the words and in the order of
 * upstream, where operators and charts know them from. Pure.
 */
import type { Affinity, Container, ObjectMeta, PodSpec, Volume } from './generated/types.ts';
import { parseQuantity } from './quantity.ts';
import { type SeenPort, SeenPorts } from './seen-ports.ts';
import { APP_ARMOR } from './validation/pod-annotations.ts';

const unit = 1_000_000_000n;

/** `at` is where the pod is: empty for a pod itself, `spec.template` in a Deployment. */
export function podWarnings(spec: Partial<PodSpec>, metadata: ObjectMeta, at: string): string[] {
  const own = at === '' ? 'spec' : `${at}.spec`;
  const annotations = `${at === '' ? '' : `${at}.`}metadata.annotations`;
  const { terminationGracePeriodSeconds: grace } = spec;
  return [
    ...nodeLabels(spec, own),
    ...deprecatedAnnotations(metadata, annotations),
    ...(spec.volumes ?? []).flatMap((volume, i) => volumeWarnings(volume, `${own}.volumes[${i}]`)),
    ...repeated(
      (spec.hostAliases ?? []).map(({ ip }) => ip),
      (i, ip) => `${own}.hostAliases[${i}].ip: duplicate ip ${ip}`,
    ),
    ...pullSecrets(spec, own),
    ...fractions(spec.overhead, `${own}.overhead`),
    ...allContainers(spec, own).flatMap(([container, path]) => [
      // Of a pod itself whoever takes the profile over says so.
      ...(at === '' ? [] : oldProfile(container, metadata, annotations)),
      ...containerWarnings(container, path),
    ]),
    ...portWarnings(spec, own),
    ...(grace !== undefined && grace < 0
      ? [
          `${own}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`,
        ]
      : []),
    ...podAffinity(spec.affinity, `${own}.affinity`),
  ];
}

/** In the order in which upstream looks at them. */
function allContainers(spec: Partial<PodSpec>, at: string): (readonly [Container, string])[] {
  const named = { initContainers: spec.initContainers, containers: spec.containers };
  return Object.entries(named).flatMap(([name, list = []]) =>
    list.map((container, i) => [container, `${at}.${name}[${i}]`] as const),
  );
}

const renamedLabels: Readonly<Record<string, readonly [since: string, now: string]>> = {
  'beta.kubernetes.io/arch': ['v1.14', 'kubernetes.io/arch'],
  'beta.kubernetes.io/os': ['v1.14', 'kubernetes.io/os'],
  'failure-domain.beta.kubernetes.io/region': ['v1.17', 'topology.kubernetes.io/region'],
  'failure-domain.beta.kubernetes.io/zone': ['v1.17', 'topology.kubernetes.io/zone'],
  'beta.kubernetes.io/instance-type': ['v1.17', 'node.kubernetes.io/instance-type'],
};

function renamed(label: string): string | undefined {
  const found = Object.hasOwn(renamedLabels, label) ? renamedLabels[label] : undefined;
  return found && `deprecated since ${found[0]}; use "${found[1]}" instead`;
}

const noSelector = 'a null labelSelector results in matching no pod';

function nodeLabels(spec: Partial<PodSpec>, at: string): string[] {
  const { nodeSelector, affinity, topologySpreadConstraints } = spec;
  // Most pods go anywhere.
  if (
    nodeSelector === undefined &&
    affinity?.nodeAffinity === undefined &&
    topologySpreadConstraints === undefined
  )
    return [];
  const selected = Object.keys(nodeSelector ?? {}).flatMap((label) => {
    const text = renamed(label);
    return text === undefined ? [] : [`${at}.nodeSelector[${label}]: ${text}`];
  });
  const { requiredDuringSchedulingIgnoredDuringExecution: required, ...rest } = affinity?.nodeAffinity ?? {};
  const nodes = `${at}.affinity.nodeAffinity`;
  const terms = [
    ...(required?.nodeSelectorTerms ?? []).map(
      (term, i) =>
        [term, `${nodes}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[${i}]`] as const,
    ),
    ...(rest.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
      ({ preference }, i) =>
        [preference, `${nodes}.preferredDuringSchedulingIgnoredDuringExecution[${i}].preference`] as const,
    ),
  ];
  const wanted = terms.flatMap(([term, path]) =>
    (term?.matchExpressions ?? []).flatMap(({ key }, i) => {
      const text = renamed(key);
      return text === undefined ? [] : [`${path}.matchExpressions[${i}].key: ${key} is ${text}`];
    }),
  );
  const spread = (topologySpreadConstraints ?? []).flatMap(({ topologyKey, labelSelector }, i) => {
    const path = `${at}.topologySpreadConstraints[${i}]`;
    const text = renamed(topologyKey);
    return [
      ...(text === undefined ? [] : [`${path}.topologyKey: ${topologyKey} is ${text}`]),
      ...(labelSelector === undefined ? [`${path}.labelSelector: ${noSelector}`] : []),
    ];
  });
  return [...selected, ...wanted, ...spread];
}

const goneAnnotations: Readonly<Record<string, string>> = {
  'scheduler.alpha.kubernetes.io/critical-pod':
    'non-functional in v1.16+; use the "priorityClassName" field instead',
  'security.alpha.kubernetes.io/sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
  'security.alpha.kubernetes.io/unsafe-sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
};

function deprecatedAnnotations({ annotations }: ObjectMeta, at: string): string[] {
  if (annotations === undefined) return [];
  return Object.entries(goneAnnotations).flatMap(([key, text]) =>
    Object.hasOwn(annotations, key) ? [`${at}[${key}]: ${text}`] : [],
  );
}

const goneVolumes: Readonly<Record<string, string>> = {
  photonPersistentDisk: 'deprecated in v1.11, non-functional in v1.16+',
  gitRepo: 'deprecated in v1.11, and disabled by default in v1.33+',
  scaleIO: 'deprecated in v1.16, non-functional in v1.22+',
  flocker: 'deprecated in v1.22, non-functional in v1.25+',
  storageos: 'deprecated in v1.22, non-functional in v1.25+',
  quobyte: 'deprecated in v1.22, non-functional in v1.25+',
  glusterfs: 'deprecated in v1.25, non-functional in v1.26+',
  cephfs: 'deprecated in v1.28, non-functional in v1.31+',
  rbd: 'deprecated in v1.28, non-functional in v1.31+',
};

function volumeWarnings(volume: Volume, at: string): string[] {
  return Object.entries(goneVolumes).flatMap(([kind, text]) =>
    (volume as unknown as Readonly<Record<string, unknown>>)[kind] === undefined
      ? []
      : [`${at}.${kind}: ${text}`],
  );
}

/** Calls for every value that was there before, with the value in quotes. */
function repeated(values: readonly string[], say: (i: number, value: string) => string): string[] {
  const known = new Set<string>();
  return values.flatMap((value, i) => {
    if (known.has(value)) return [say(i, JSON.stringify(value))];
    known.add(value);
    return [];
  });
}

function pullSecrets({ imagePullSecrets: secrets = [] }: Partial<PodSpec>, at: string): string[] {
  const names = secrets.map(({ name }) => name ?? '');
  return [
    ...repeated(names, (i, name) => `${at}.imagePullSecrets[${i}].name: duplicate name ${name}`),
    ...names.flatMap((name, i) =>
      name === '' ? [`${at}.imagePullSecrets[${i}].name: invalid empty name ""`] : [],
    ),
  ];
}

type Amounts = Readonly<Record<string, string | number>> | undefined;

/** Half a byte of memory, or of a disk. */
function fraction(amounts: Amounts, name: string, at: string): string[] {
  const amount = amounts?.[name];
  if (amount === undefined || parseQuantity(String(amount)).nano % unit === 0n) return [];
  return [
    `${at}[${name}]: fractional byte value ${JSON.stringify(String(amount))} is invalid, must be an integer`,
  ];
}

const inBytes = ['memory', 'ephemeral-storage'] as const;

function fractions(amounts: Amounts, at: string): string[] {
  return amounts === undefined ? [] : inBytes.flatMap((name) => fraction(amounts, name, at));
}

function oldProfile(
  { name, securityContext }: Container,
  { annotations = {} }: ObjectMeta,
  at: string,
): string[] {
  const key = APP_ARMOR + name;
  if (!Object.hasOwn(annotations, key) || securityContext?.appArmorProfile !== undefined) return [];
  return [`${at}[${key}]: deprecated since v1.30; use the "appArmorProfile" field instead`];
}

function containerWarnings({ resources, env = [] }: Container, at: string): string[] {
  const { limits, requests } = resources ?? {};
  const amounts = inBytes.flatMap((name) => [
    ...fraction(limits, name, `${at}.resources.limits`),
    ...fraction(requests, name, `${at}.resources.requests`),
  ]);
  const seen = new Set<string>();
  const hidden = env.flatMap(({ name, value = '', valueFrom }, i) => {
    if (!seen.has(name)) {
      seen.add(name);
      return [];
    }
    // A value that builds upon the one before means to.
    const before = `$(${name})`;
    const buildsUpon = valueFrom === undefined && value !== before && value.includes(before);
    return buildsUpon
      ? []
      : [
          `${at}.env[${i}]: hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`,
        ];
  });
  return [...amounts, ...hidden];
}

/** Nobody is told more: an answer has room for fewer. Ports that are all the same would have a warning for each two of them. */
const mostPortWarnings = 100;

/** Ports that are there twice, in whatever containers; and addresses of the host without a port of it. */
function portWarnings(spec: Partial<PodSpec>, at: string): string[] {
  const known = new Map<string, SeenPorts>();
  const warnings: string[] = [];
  for (const [{ ports = [] }, container] of allContainers(spec, at))
    for (const [
      i,
      { name = '', containerPort, protocol = '', hostPort = 0, hostIP = '' },
    ] of ports.entries()) {
      const left = mostPortWarnings - warnings.length;
      if (left <= 0) return warnings;
      const port: SeenPort = { path: `${container}.ports[${i}]`, hostIP, hostPort };
      if (hostIP !== '' && hostPort === 0)
        warnings.push(
          `${port.path}: hostIP set without hostPort: {Name:${name} HostPort:${hostPort} ContainerPort:${containerPort} Protocol:${protocol} HostIP:${hostIP}}`,
        );
      const key = `${containerPort}/${protocol}`;
      const others = known.get(key) ?? new SeenPorts();
      known.set(key, others);
      for (const [what, other] of others.meeting(port, left))
        warnings.push(`${port.path}: ${what} port definition with ${other.path}`);
      others.add(port);
    }
  return warnings;
}

function podAffinity(affinity: Affinity | undefined, at: string): string[] {
  return (['podAffinity', 'podAntiAffinity'] as const).flatMap((side) => {
    const {
      requiredDuringSchedulingIgnoredDuringExecution: required = [],
      preferredDuringSchedulingIgnoredDuringExecution: preferred = [],
    } = affinity?.[side] ?? {};
    return [
      ...required.flatMap(({ labelSelector }, i) =>
        labelSelector === undefined
          ? [
              `${at}.${side}.requiredDuringSchedulingIgnoredDuringExecution[${i}].labelSelector: ${noSelector}`,
            ]
          : [],
      ),
      ...preferred.flatMap(({ podAffinityTerm }, i) =>
        podAffinityTerm?.labelSelector === undefined
          ? [
              `${at}.${side}.preferredDuringSchedulingIgnoredDuringExecution[${i}].podAffinityTerm.labelSelector: ${noSelector}`,
            ]
          : [],
      ),
    ];
  });
}
