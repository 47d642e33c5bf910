/**
 * The checks of the level `baseline`: what pods may not use that reaches beyond them, in the words of upstream's admission.
 * Source: the page of the Pod Security Standards. Pure.
 */
import type { SecurityContext, Volume } from '@timonier/api';
import { APP_ARMOR } from '@timonier/api/validation/pod-annotations';
import { hostsOf } from './hosts.ts';
import {
  type AnyContainer,
  badContainers,
  type Check,
  containersNamed,
  distinct,
  notInUserNamespace,
  type Finding,
  plural,
  quoted,
  settersOf,
  type Subject,
} from './subject.ts';

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
const sysctlsOf1: readonly string[] = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ping_group_range',
  'net.ipv4.tcp_syncookies',
];
const sysctlsOf27 = [...sysctlsOf1, 'net.ipv4.ip_local_reserved_ports'];
const sysctlsOf29 = [
  ...sysctlsOf27,
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_keepalive_time',
];
const sysctlsOf32 = [...sysctlsOf29, 'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem'];
const SECCOMP_POD = 'seccomp.security.alpha.kubernetes.io/pod';
const SECCOMP_CONTAINER = 'container.seccomp.security.alpha.kubernetes.io/';
const selinuxTypes: readonly string[] = ['', 'container_t', 'container_init_t', 'container_kvm_t'];

/** A check that never changed. */
function always(id: string, check: Check['forms'][number]['check']): Check {
  return { id, forms: [{ since: 0, check }] };
}

function appArmor({ metadata, spec, containers }: Subject): Finding | undefined {
  const isBad = (context: Pick<SecurityContext, 'appArmorProfile'> | undefined): boolean =>
    context?.appArmorProfile?.type === 'Unconfined';
  const annotations = Object.entries(metadata.annotations ?? {})
    .filter(
      ([name, value]) =>
        name.startsWith(APP_ARMOR) &&
        value !== '' &&
        value !== 'runtime/default' &&
        !value.startsWith('localhost/'),
    )
    .map(([name, value]) => `${name}="${value}"`);
  const own = containers.filter(({ securityContext }) => isBad(securityContext)).map(({ name }) => name);
  const ofPod = isBad(spec.securityContext);
  const setters = [
    settersOf(ofPod, own),
    ...(annotations.length === 0 ? [] : [plural('annotation', annotations)]),
  ].filter((text) => text !== '');
  if (setters.length === 0) return undefined;
  const values = distinct([...(ofPod || own.length > 0 ? ['Unconfined'] : []), ...annotations]);
  return {
    reason: plural('forbidden AppArmor profile', values),
    detail: `${setters.join(' and ')} must not set AppArmor profile type to ${quoted(values)}`,
  };
}

function addedCapabilities(subject: Subject): Finding | undefined {
  const detail = addedBeyond(subject, defaultCapabilities);
  return detail === undefined ? undefined : { reason: 'non-default capabilities', detail };
}

export function addedBeyond(subject: Subject, allowed: ReadonlySet<string>): string | undefined {
  const bad = ({ capabilities }: SecurityContext): string[] =>
    (capabilities?.add ?? []).filter((name) => !allowed.has(name));
  const names = badContainers(subject, (context) => bad(context).length > 0);
  if (names.length === 0) return undefined;
  const all = subject.containers.flatMap(({ securityContext }) =>
    securityContext === undefined ? [] : bad(securityContext),
  );
  return `${containersNamed(names)} must not include ${quoted(distinct(all))} in securityContext.capabilities.add`;
}

function hostNamespaces({ spec }: Subject): Finding | undefined {
  const used = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((name) => spec[name] === true);
  if (used.length === 0) return undefined;
  return { reason: 'host namespaces', detail: used.map((name) => `${name}=true`).join(', ') };
}

function hostPathVolumes({ spec }: Subject): Finding | undefined {
  const names = (spec.volumes ?? [])
    .filter(({ hostPath }: Volume) => hostPath !== undefined)
    .map(({ name }) => name);
  if (names.length === 0) return undefined;
  return { reason: 'hostPath volumes', detail: `${plural('volume', names)} ${quoted(names)}` };
}

function hostPorts({ containers }: Subject): Finding | undefined {
  const portsOf = ({ ports = [] }: AnyContainer): string[] =>
    ports.flatMap(({ hostPort = 0 }) => (hostPort === 0 ? [] : [String(hostPort)]));
  const bad = containers.filter((container) => portsOf(container).length > 0);
  if (bad.length === 0) return undefined;
  const ports = distinct(bad.flatMap(portsOf));
  const uses = bad.length === 1 ? 'uses' : 'use';
  const names = containersNamed(bad.map(({ name }) => name));
  return { reason: 'hostPort', detail: `${names} ${uses} ${plural('hostPort', ports)} ${ports.join(', ')}` };
}

function hostsOfProbes({ containers }: Subject): Finding | undefined {
  const bad = containers.filter((container) => hostsOf(container).length > 0);
  if (bad.length === 0) return undefined;
  const hosts = distinct(bad.flatMap(hostsOf));
  const uses = bad.length === 1 ? 'uses' : 'use';
  const names = containersNamed(bad.map(({ name }) => name));
  return {
    reason: 'probe or lifecycle host',
    detail: `${names} ${uses} probe or lifecycle ${plural('host', hosts)} ${quoted(hosts)}`,
  };
}

function privileged(subject: Subject): Finding | undefined {
  const names = badContainers(subject, ({ privileged: is }) => is === true);
  if (names.length === 0) return undefined;
  return {
    reason: 'privileged',
    detail: `${containersNamed(names)} must not set securityContext.privileged=true`,
  };
}

export function procMount(subject: Subject): Finding | undefined {
  const valueOf = ({ procMount: kind }: SecurityContext): string | undefined =>
    kind === 'Default' ? undefined : kind;
  const names = badContainers(subject, (context) => valueOf(context) !== undefined);
  if (names.length === 0) return undefined;
  const values = distinct(subject.containers.map(({ securityContext = {} }) => valueOf(securityContext)));
  return {
    reason: 'procMount',
    detail: `${containersNamed(names)} must not set securityContext.procMount to ${quoted(values)}`,
  };
}

/** Before there was a field, annotations said it. */
function seccompAnnotations({ metadata, containers }: Subject): Finding | undefined {
  const names = [SECCOMP_POD, ...containers.map(({ name }) => SECCOMP_CONTAINER + name)];
  const forbidden = [...new Set(names)].flatMap((name) => {
    const value = metadata.annotations?.[name];
    const isFine =
      value === undefined ||
      value === 'runtime/default' ||
      value === 'docker/default' ||
      value.startsWith('localhost/');
    return isFine ? [] : [`${name}=${JSON.stringify(value)}`];
  });
  if (forbidden.length === 0) return undefined;
  const detail = `forbidden ${plural('annotation', forbidden)} ${forbidden.toSorted().join(', ')}`;
  return { reason: 'seccompProfile', detail };
}

/** Profiles other than the runtime's own and those of the node. */
export function unconfined(subject: Subject): Finding | undefined {
  const typeOf = (context: Pick<SecurityContext, 'seccompProfile'> | undefined): string | undefined => {
    const type = context?.seccompProfile?.type;
    return type === 'RuntimeDefault' || type === 'Localhost' ? undefined : type;
  };
  const ofPod = typeOf(subject.spec.securityContext);
  const setters = settersOf(
    ofPod !== undefined,
    badContainers(subject, (context) => typeOf(context) !== undefined),
  );
  if (setters === '') return undefined;
  const values = distinct([
    ofPod,
    ...subject.containers.map(({ securityContext }) => typeOf(securityContext)),
  ]);
  return {
    reason: 'seccompProfile',
    detail: `${setters} must not set securityContext.seccompProfile.type to ${quoted(values)}`,
  };
}

const seLinuxOptions =
  (types: readonly string[]) =>
  (subject: Subject): Finding | undefined => {
    const all = [subject.spec.securityContext, ...subject.containers.map((one) => one.securityContext)];
    const isBad = (context: Pick<SecurityContext, 'seLinuxOptions'> | undefined): boolean => {
      const { type = '', user = '', role = '' } = context?.seLinuxOptions ?? {};
      return !types.includes(type) || user !== '' || role !== '';
    };
    const setters = settersOf(isBad(subject.spec.securityContext), badContainers(subject, isBad));
    if (setters === '') return undefined;
    const options = all.flatMap((context) => context?.seLinuxOptions ?? []);
    const badTypes = distinct(options.map(({ type = '' }) => (types.includes(type) ? undefined : type)));
    const wrong = [
      ...(badTypes.length === 0 ? [] : [`${plural('type', badTypes)} ${quoted(badTypes)}`]),
      ...(options.some(({ user = '' }) => user !== '') ? ['user may not be set'] : []),
      ...(options.some(({ role = '' }) => role !== '') ? ['role may not be set'] : []),
    ];
    return {
      reason: 'seLinuxOptions',
      detail: `${setters} set forbidden securityContext.seLinuxOptions: ${wrong.join('; ')}`,
    };
  };

const sysctls =
  (safe: readonly string[]) =>
  ({ spec }: Subject): Finding | undefined => {
    const bad = (spec.securityContext?.sysctls ?? [])
      .map(({ name }) => name)
      .filter((name) => !safe.includes(name));
    return bad.length === 0 ? undefined : { reason: 'forbidden sysctls', detail: bad.join(', ') };
  };

function windowsHostProcess(subject: Subject): Finding | undefined {
  const setters = settersOf(
    subject.spec.securityContext?.windowsOptions?.hostProcess === true,
    badContainers(subject, ({ windowsOptions }) => windowsOptions?.hostProcess === true),
  );
  if (setters === '') return undefined;
  return {
    reason: 'hostProcess',
    detail: `${setters} must not set securityContext.windowsOptions.hostProcess=true`,
  };
}

/** In upstream's order, which is that of their names. */
export const baselineChecks: readonly Check[] = [
  always('appArmorProfile', appArmor),
  always('capabilities_baseline', addedCapabilities),
  always('hostNamespaces', hostNamespaces),
  always('hostPathVolumes', hostPathVolumes),
  always('hostPorts', hostPorts),
  { id: 'hostProbesAndhostLifecycle', forms: [{ since: 34, check: hostsOfProbes }] },
  always('privileged', privileged),
  {
    id: 'procMount',
    forms: [
      { since: 0, check: procMount },
      { since: 35, check: notInUserNamespace(procMount) },
    ],
  },
  {
    id: 'seLinuxOptions',
    forms: [
      { since: 0, check: seLinuxOptions(selinuxTypes) },
      { since: 31, check: seLinuxOptions([...selinuxTypes, 'container_engine_t']) },
    ],
  },
  {
    id: 'seccompProfile_baseline',
    forms: [
      { since: 0, check: seccompAnnotations },
      { since: 19, check: unconfined },
    ],
  },
  {
    id: 'sysctls',
    forms: [
      { since: 0, check: sysctls(sysctlsOf1) },
      { since: 27, check: sysctls(sysctlsOf27) },
      { since: 29, check: sysctls(sysctlsOf29) },
      { since: 32, check: sysctls(sysctlsOf32) },
    ],
  },
  always('windowsHostProcess', windowsHostProcess),
];
