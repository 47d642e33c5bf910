/** The checks of the level `restricted` beyond those of `baseline`, some of which take the place of its own. Pure. */
import type { Volume } from '@timonier/api';
import { addedBeyond, procMount, unconfined } from './baseline.ts';
import {
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

const allowedVolumes: ReadonlySet<string> = new Set([
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
const bindService: ReadonlySet<string> = new Set(['NET_BIND_SERVICE']);

type Form = Check['forms'][number]['check'];

/** Windows knows nothing of what some checks are about. */
const notOnWindows =
  (check: Form): Form =>
  (subject) =>
    subject.spec.os?.name === 'windows' ? undefined : check(subject);

function privilegeEscalation({ containers }: Subject): Finding | undefined {
  const names = containers
    .filter(({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false)
    .map(({ name }) => name);
  if (names.length === 0) return undefined;
  return {
    reason: 'allowPrivilegeEscalation != false',
    detail: `${containersNamed(names)} must set securityContext.allowPrivilegeEscalation=false`,
  };
}

function capabilities(subject: Subject): Finding | undefined {
  const keeping = subject.containers
    .filter(({ securityContext }) => securityContext?.capabilities?.drop?.includes('ALL') !== true)
    .map(({ name }) => name);
  const added = addedBeyond(subject, bindService);
  const parts = [
    ...(keeping.length === 0
      ? []
      : [`${containersNamed(keeping)} must set securityContext.capabilities.drop=["ALL"]`]),
    ...(added === undefined ? [] : [added]),
  ];
  if (parts.length === 0) return undefined;
  return { reason: 'unrestricted capabilities', detail: parts.join('; ') };
}

function volumeTypes({ spec }: Subject): Finding | undefined {
  const typeOf = (volume: Volume): string => Object.keys(volume).find((key) => key !== 'name') ?? 'emptyDir';
  const bad = (spec.volumes ?? []).filter((volume) => !allowedVolumes.has(typeOf(volume)));
  if (bad.length === 0) return undefined;
  const types = distinct(bad.map(typeOf));
  const names = bad.map(({ name }) => name);
  const uses = names.length === 1 ? 'uses' : 'use';
  return {
    reason: 'restricted volume types',
    detail: `${plural('volume', names)} ${quoted(names)} ${uses} restricted volume ${plural('type', types)} ${quoted(types)}`,
  };
}

function runAsNonRoot(subject: Subject): Finding | undefined {
  const ofPod = subject.spec.securityContext?.runAsNonRoot;
  const setters = settersOf(
    ofPod === false,
    badContainers(subject, (context) => context.runAsNonRoot === false),
  );
  const reason = 'runAsNonRoot != true';
  if (setters !== '') return { reason, detail: `${setters} must not set securityContext.runAsNonRoot=false` };
  if (ofPod === true) return undefined;
  const open = subject.containers
    .filter(({ securityContext }) => securityContext?.runAsNonRoot === undefined)
    .map(({ name }) => name);
  if (open.length === 0) return undefined;
  return { reason, detail: `pod or ${containersNamed(open)} must set securityContext.runAsNonRoot=true` };
}

function runAsUser(subject: Subject): Finding | undefined {
  const setters = settersOf(
    subject.spec.securityContext?.runAsUser === 0,
    badContainers(subject, (context) => context.runAsUser === 0),
  );
  return setters === ''
    ? undefined
    : { reason: 'runAsUser=0', detail: `${setters} must not set runAsUser=0` };
}

function seccomp(subject: Subject): Finding | undefined {
  const explicit = unconfined(subject);
  if (explicit !== undefined) return explicit;
  if (subject.spec.securityContext?.seccompProfile !== undefined) return undefined;
  const names = subject.containers
    .filter(({ securityContext }) => securityContext?.seccompProfile === undefined)
    .map(({ name }) => name);
  if (names.length === 0) return undefined;
  return {
    reason: 'seccompProfile',
    detail: `pod or ${containersNamed(names)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`,
  };
}

/** In upstream's order, which is that of their names. */
export const restrictedChecks: readonly Check[] = [
  {
    id: 'allowPrivilegeEscalation',
    forms: [
      { since: 8, check: privilegeEscalation },
      { since: 25, check: notOnWindows(privilegeEscalation) },
    ],
  },
  {
    id: 'capabilities_restricted',
    overrides: 'capabilities_baseline',
    forms: [
      { since: 22, check: capabilities },
      { since: 25, check: notOnWindows(capabilities) },
    ],
  },
  { id: 'procMount_restricted', overrides: 'procMount', forms: [{ since: 35, check: procMount }] },
  { id: 'restrictedVolumes', overrides: 'hostPathVolumes', forms: [{ since: 0, check: volumeTypes }] },
  {
    id: 'runAsNonRoot',
    forms: [
      { since: 0, check: runAsNonRoot },
      { since: 35, check: notInUserNamespace(runAsNonRoot) },
    ],
  },
  {
    id: 'runAsUser',
    forms: [
      { since: 23, check: runAsUser },
      { since: 35, check: notInUserNamespace(runAsUser) },
    ],
  },
  {
    id: 'seccompProfile_restricted',
    overrides: 'seccompProfile_baseline',
    forms: [
      { since: 19, check: seccomp },
      { since: 25, check: notOnWindows(seccomp) },
    ],
  },
];
