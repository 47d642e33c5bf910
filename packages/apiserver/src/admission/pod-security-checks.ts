/**
 * The Pod Security Standards as pure checks: a pod's spec in, what it violates out, in the words of upstream's admission.
 * Source: the standards' own page and the messages of pod-security-admission.
 */
import type {
  Container,
  EphemeralContainer,
  ObjectMeta,
  PodSpec,
  SecurityContext,
  Volume,
} from '@timonier/api';

export type Level = 'privileged' | 'baseline' | 'restricted';

export const levels: readonly Level[] = ['privileged', 'baseline', 'restricted'];

/** Why a pod is refused, and by what of it. */
export interface Violation {
  readonly reason: string;
  readonly detail: string;
}

interface Subject {
  readonly metadata: ObjectMeta;
  readonly spec: PodSpec;
  readonly containers: readonly (Container | EphemeralContainer)[];
}

/** The detail of a violation; undefined when there is none. */
type Check = readonly [reason: string, check: (subject: Subject) => string | undefined];

const defaultCapabilities: ReadonlySet<string> = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
]);
const safeSysctls: ReadonlySet<string> = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ping_group_range',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.tcp_wmem',
]);
const selinuxTypes: ReadonlySet<string> = new Set([
  '',
  'container_t',
  'container_init_t',
  'container_kvm_t',
  'container_engine_t',
]);
const restrictedVolumes: ReadonlySet<string> = new Set([
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
]);

const hostNamespaces: Check = [
  'host namespaces',
  ({ spec }) => {
    const used = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((name) => spec[name] === true);
    return used.length === 0 ? undefined : used.map((name) => `${name}=true`).join(', ');
  },
];
const privileged: Check = [
  'privileged',
  (subject) => mustNot(subject, ({ privileged: is }) => is === true, 'set securityContext.privileged=true'),
];
const capabilitiesBaseline: Check = [
  'non-default capabilities',
  (subject) => addedBeyond(subject, (name) => defaultCapabilities.has(name)),
];
const hostPathVolumes: Check = [
  'hostPath volumes',
  ({ spec }) => {
    const names = (spec.volumes ?? [])
      .filter(({ hostPath }) => hostPath !== undefined)
      .map(({ name }) => name);
    return names.length === 0 ? undefined : `${plural('volume', names)} ${quoted(names)}`;
  },
];
const hostPorts: Check = [
  'hostPort',
  ({ containers }) => {
    const portsOf = ({ ports = [] }: Container | EphemeralContainer): number[] =>
      ports.flatMap(({ hostPort = 0 }) => (hostPort === 0 ? [] : [hostPort]));
    const bad = containers.filter((container) => portsOf(container).length > 0);
    if (bad.length === 0) return undefined;
    const ports = [...new Set(bad.flatMap(portsOf))].toSorted((a, b) => a - b);
    const names = bad.map(({ name }) => name);
    const uses = names.length === 1 ? 'uses' : 'use';
    return `${plural('container', names)} ${quoted(names)} ${uses} ${plural('hostPort', ports)} ${ports.join(', ')}`;
  },
];
const procMount: Check = [
  'procMount',
  (subject) => {
    const isOther = ({ procMount: kind }: SecurityContext): boolean =>
      kind !== undefined && kind !== 'Default';
    const values = distinct(subject.containers, ({ procMount: kind }) =>
      kind === 'Default' ? undefined : kind,
    );
    return mustNot(subject, isOther, `set securityContext.procMount to ${quoted(values)}`);
  },
];
const seLinuxOptions: Check = [
  'seLinuxOptions',
  ({ spec, containers }) => {
    const wrong: string[] = [];
    const owners: string[] = [];
    const look = (owner: string, options: SecurityContext['seLinuxOptions']): void => {
      if (options === undefined) return;
      const found = [
        ...(selinuxTypes.has(options.type ?? '') ? [] : [`type "${options.type ?? ''}"`]),
        ...((options.user ?? '') === '' ? [] : ['user may not be set']),
        ...((options.role ?? '') === '' ? [] : ['role may not be set']),
      ];
      if (found.length === 0) return;
      owners.push(owner);
      for (const text of found) if (!wrong.includes(text)) wrong.push(text);
    };
    look('pod', spec.securityContext?.seLinuxOptions);
    for (const { name, securityContext } of containers)
      look(`container "${name}"`, securityContext?.seLinuxOptions);
    if (owners.length === 0) return undefined;
    return `${owners.join(' and ')} set forbidden securityContext.seLinuxOptions: ${wrong.join('; ')}`;
  },
];
const seccompBaseline: Check = ['seccompProfile', (subject) => unconfined(subject, 'seccompProfile')];
const appArmor: Check = [
  'forbidden AppArmor profile',
  (subject) => {
    const bad = Object.entries(subject.metadata.annotations ?? {}).find(
      ([name, value]) =>
        name.startsWith('container.apparmor.security.beta.kubernetes.io/') &&
        value !== '' &&
        value !== 'runtime/default' &&
        !value.startsWith('localhost/'),
    );
    if (bad !== undefined) return `annotation must not set AppArmor profile type to "${bad[1]}"`;
    return unconfined(subject, 'appArmorProfile');
  },
];
const sysctls: Check = [
  'forbidden sysctls',
  ({ spec }) => {
    const bad = (spec.securityContext?.sysctls ?? [])
      .map(({ name }) => name)
      .filter((name) => !safeSysctls.has(name));
    return bad.length === 0 ? undefined : bad.join(', ');
  },
];
const windowsHostProcess: Check = [
  'hostProcess',
  (subject) => {
    if (subject.spec.securityContext?.windowsOptions?.hostProcess === true)
      return 'pod must not set securityContext.windowsOptions.hostProcess=true';
    return mustNot(
      subject,
      ({ windowsOptions }) => windowsOptions?.hostProcess === true,
      'set securityContext.windowsOptions.hostProcess=true',
    );
  },
];

const volumeTypes: Check = [
  'restricted volume types',
  ({ spec }) => {
    const typeOf = (volume: Volume): string =>
      Object.keys(volume).find((key) => key !== 'name') ?? 'emptyDir';
    const bad = (spec.volumes ?? []).filter((volume) => !restrictedVolumes.has(typeOf(volume)));
    if (bad.length === 0) return undefined;
    const types = [...new Set(bad.map(typeOf))];
    const names = bad.map(({ name }) => name);
    const uses = names.length === 1 ? 'uses' : 'use';
    return `${plural('volume', names)} ${quoted(names)} ${uses} restricted volume ${plural('type', types)} ${quoted(types)}`;
  },
];
const privilegeEscalation: Check = [
  'allowPrivilegeEscalation != false',
  ({ containers }) => {
    const names = containers
      .filter(({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false)
      .map(({ name }) => name);
    if (names.length === 0) return undefined;
    return `${plural('container', names)} ${quoted(names)} must set securityContext.allowPrivilegeEscalation=false`;
  },
];
const capabilitiesRestricted: Check = [
  'unrestricted capabilities',
  (subject) => {
    const keeping = subject.containers
      .filter(({ securityContext }) => securityContext?.capabilities?.drop?.includes('ALL') !== true)
      .map(({ name }) => name);
    const added = addedBeyond(subject, (name) => name === 'NET_BIND_SERVICE');
    const parts = [
      ...(keeping.length === 0
        ? []
        : [
            `${plural('container', keeping)} ${quoted(keeping)} must set securityContext.capabilities.drop=["ALL"]`,
          ]),
      ...(added === undefined ? [] : [added]),
    ];
    return parts.length === 0 ? undefined : parts.join('; ');
  },
];
const runAsNonRoot: Check = [
  'runAsNonRoot != true',
  ({ spec, containers }) => {
    const ofPod = spec.securityContext?.runAsNonRoot;
    const explicit = containers.filter(({ securityContext }) => securityContext?.runAsNonRoot === false);
    if (explicit.length > 0) {
      const names = explicit.map(({ name }) => name);
      return `${plural('container', names)} ${quoted(names)} must not set securityContext.runAsNonRoot=false`;
    }
    const open = containers.filter(({ securityContext }) => securityContext?.runAsNonRoot === undefined);
    if (ofPod === true || open.length === 0) return undefined;
    if (ofPod === false) return 'pod must not set securityContext.runAsNonRoot=false';
    const names = open.map(({ name }) => name);
    return `pod or ${plural('container', names)} ${quoted(names)} must set securityContext.runAsNonRoot=true`;
  },
];
const runAsUser: Check = [
  'runAsUser=0',
  (subject) => {
    if (subject.spec.securityContext?.runAsUser === 0) return 'pod must not set runAsUser=0';
    return mustNot(subject, ({ runAsUser: user }) => user === 0, 'set runAsUser=0');
  },
];
const seccompRestricted: Check = [
  'seccompProfile',
  (subject) => {
    const explicit = unconfined(subject, 'seccompProfile');
    if (explicit !== undefined) return explicit;
    if (subject.spec.securityContext?.seccompProfile !== undefined) return undefined;
    const names = subject.containers
      .filter(({ securityContext }) => securityContext?.seccompProfile === undefined)
      .map(({ name }) => name);
    if (names.length === 0) return undefined;
    return `pod or ${plural('container', names)} ${quoted(names)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`;
  },
];

const baselineAlways: readonly Check[] = [
  appArmor,
  hostNamespaces,
  hostPorts,
  privileged,
  procMount,
  seLinuxOptions,
  sysctls,
  windowsHostProcess,
];
const checks: Readonly<Record<Level, readonly Check[]>> = {
  privileged: [],
  baseline: [...baselineAlways, capabilitiesBaseline, hostPathVolumes, seccompBaseline],
  // Stricter checks of the same things take the place of the baseline's.
  restricted: [
    ...baselineAlways,
    privilegeEscalation,
    capabilitiesRestricted,
    volumeTypes,
    runAsNonRoot,
    runAsUser,
    seccompRestricted,
  ],
};

/** Everything about a pod that a level forbids. */
export function violations(level: Level, metadata: ObjectMeta, spec: PodSpec): Violation[] {
  const containers = [
    ...(spec.containers ?? []),
    ...(spec.initContainers ?? []),
    ...(spec.ephemeralContainers ?? []),
  ];
  const found: Violation[] = [];
  for (const [reason, check] of checks[level]) {
    const detail = check({ metadata, spec, containers });
    if (detail !== undefined) found.push({ reason, detail });
  }
  return found;
}

/** Containers whose own security context is forbidden. */
function mustNot(
  { containers }: Subject,
  isBad: (context: SecurityContext) => boolean,
  what: string,
): string | undefined {
  const names = containers
    .filter(({ securityContext }) => securityContext !== undefined && isBad(securityContext))
    .map(({ name }) => name);
  return names.length === 0 ? undefined : `${plural('container', names)} ${quoted(names)} must not ${what}`;
}

function addedBeyond(subject: Subject, isAllowed: (name: string) => boolean): string | undefined {
  const bad = ({ capabilities }: SecurityContext): string[] =>
    (capabilities?.add ?? []).filter((name) => !isAllowed(name));
  const all = subject.containers.flatMap(({ securityContext }) =>
    securityContext === undefined ? [] : bad(securityContext),
  );
  const what = `include ${quoted([...new Set(all)].toSorted())} in securityContext.capabilities.add`;
  return mustNot(subject, (context) => bad(context).length > 0, what);
}

/** Profiles other than the runtime's own and those of the node. */
function unconfined(subject: Subject, field: 'seccompProfile' | 'appArmorProfile'): string | undefined {
  const typeOf = (context: Pick<SecurityContext, typeof field> | undefined): string | undefined => {
    const type = context?.[field]?.type;
    return type === 'RuntimeDefault' || type === 'Localhost' ? undefined : type;
  };
  const { securityContext } = subject.spec;
  const ofPod = typeOf(securityContext);
  if (ofPod !== undefined) return `pod must not set securityContext.${field}.type to "${ofPod}"`;
  const values = distinct(subject.containers, typeOf);
  return mustNot(
    subject,
    (context) => typeOf(context) !== undefined,
    `set securityContext.${field}.type to ${quoted(values)}`,
  );
}

function distinct(
  containers: readonly (Container | EphemeralContainer)[],
  read: (context: SecurityContext) => string | undefined,
): string[] {
  const values = containers.flatMap(({ securityContext }) =>
    securityContext === undefined ? [] : (read(securityContext) ?? []),
  );
  return [...new Set(values)];
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}

function plural(word: string, list: readonly unknown[]): string {
  return list.length === 1 ? word : `${word}s`;
}
