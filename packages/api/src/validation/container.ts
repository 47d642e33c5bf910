/** The rules of containers of all three kinds. */
import type { Container, ContainerPort, ContainerRestartRule, Volume } from '../generated/types.ts';
import { checkDns1123Label, checkPortName } from '../names.ts';
import { checkName, invalidBy, oneOf, port } from './checks.ts';
import { validateEnv, validateEnvFrom } from './container-env.ts';
import {
  duplicate,
  forbidden,
  invalid,
  notFound,
  notSupported,
  required,
  tooMany,
  type FieldError,
} from './field-error.ts';
import { validateMounts } from './mounts.ts';
import { validateWatch } from './probes.ts';
import { validateResizePolicies, validateResources } from './resources.ts';
import { validateContainerSecurity } from './security.ts';
import type { EphemeralContainer, PodSpec } from '../generated/types.ts';

/** What containers are checked against: their pod. */
export interface Surroundings {
  readonly spec: PodSpec;
  readonly volumes: ReadonlyMap<string, Volume>;
  /** Names of the pod's resource claims. */
  readonly claims: ReadonlySet<string>;
}

export function validateContainers(path: string, pod: Surroundings): FieldError[] {
  const containers = pod.spec.containers ?? [];
  if (containers.length === 0) return [required(path)];
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [i, container] of containers.entries()) {
    const at = `${path}[${i}]`;
    errors.push(...common(container, at, pod));
    if (names.has(container.name)) errors.push(duplicate(`${at}.name`, container.name));
    names.add(container.name);
    errors.push(...validateWatch(container, at, pod.spec.terminationGracePeriodSeconds));
    errors.push(...restarts(container, at));
  }
  errors.push(...hostPorts(containers, path));
  return errors;
}

const SIDECARS_ONLY = 'may not be set for init containers without restartPolicy=Always';

export function validateInitContainers(path: string, pod: Surroundings): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set((pod.spec.containers ?? []).map(({ name }) => name));
  for (const [i, container] of (pod.spec.initContainers ?? []).entries()) {
    const at = `${path}[${i}]`;
    errors.push(...common(container, at, pod), ...startRestarts(container, at));
    if (names.has(container.name)) errors.push(duplicate(`${at}.name`, container.name));
    else if (container.name) names.add(container.name);
    errors.push(...hostPorts([container], path));
    if (container.restartPolicy === 'Always')
      errors.push(...validateWatch(container, at, pod.spec.terminationGracePeriodSeconds));
    else
      for (const field of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const)
        if (container[field] !== undefined) errors.push(forbidden(`${at}.${field}`, SIDECARS_ONLY));
  }
  return errors;
}

/** What containers that come later cannot have: nothing may depend on them. */
const NOT_EPHEMERAL = [
  'ports',
  'resources',
  'resizePolicy',
  'restartPolicy',
  'restartPolicyRules',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
] as const;
const NOT_FOR_EPHEMERAL = 'cannot be set for an Ephemeral Container';

export function validateEphemeralContainers(path: string, pod: Surroundings): FieldError[] {
  const list = pod.spec.ephemeralContainers ?? [];
  if (list.length === 0) return [];
  const errors: FieldError[] = [];
  const others = new Set(
    [...(pod.spec.containers ?? []), ...(pod.spec.initContainers ?? [])].map(({ name }) => name),
  );
  const names = new Set(others);
  for (const [i, container] of list.entries()) {
    const at = `${path}[${i}]`;
    errors.push(...common(container, at, pod), ...trimmedImage(container, at));
    if (names.has(container.name)) errors.push(duplicate(`${at}.name`, container.name));
    names.add(container.name);
    const target = container.targetContainerName;
    if (target && !others.has(target)) errors.push(notFound(`${at}.targetContainerName`, target));
    for (const field of NOT_EPHEMERAL)
      if (field === 'lifecycle' ? container[field] !== undefined : isSet(container[field]))
        errors.push(forbidden(`${at}.${field}`, NOT_FOR_EPHEMERAL));
    for (const [j, mount] of (container.volumeMounts ?? []).entries())
      for (const field of ['subPath', 'subPathExpr'] as const)
        if (mount[field]) errors.push(forbidden(`${at}.volumeMounts[${j}].${field}`, NOT_FOR_EPHEMERAL));
  }
  return errors;
}

function isSet(value: unknown): boolean {
  return value !== undefined && (typeof value !== 'object' || Object.keys(value as object).length > 0);
}

/** Of pods only: templates with spaces around an image were accepted once. */
export function trimmedImage({ image = '' }: Container | EphemeralContainer, at: string): FieldError[] {
  return image.trim() === image
    ? []
    : [invalid(`${at}.image`, image, 'must not have leading or trailing whitespace')];
}

const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'];

export function pullPolicy(field: string, policy: string | undefined): FieldError[] {
  return oneOf(field, policy, PULL_POLICIES);
}

const MESSAGE_POLICIES = ['File', 'FallbackToLogsOnError'];

function common(container: Container | EphemeralContainer, at: string, pod: Surroundings): FieldError[] {
  const errors = checkName(`${at}.name`, container.name, checkDns1123Label);
  if (!container.image) errors.push(required(`${at}.image`));
  errors.push(
    ...oneOf(`${at}.terminationMessagePolicy`, container.terminationMessagePolicy, MESSAGE_POLICIES),
  );
  if (container.ports !== undefined) errors.push(...ports(container.ports, `${at}.ports`));
  if (container.env !== undefined) errors.push(...validateEnv(container.env, `${at}.env`, pod.volumes));
  if (container.envFrom !== undefined) errors.push(...validateEnvFrom(container.envFrom, `${at}.envFrom`));
  errors.push(...validateMounts(container, at, pod.volumes));
  errors.push(...pullPolicy(`${at}.imagePullPolicy`, container.imagePullPolicy));
  errors.push(...validateResources(container.resources, `${at}.resources`, pod.claims));
  if (container.resizePolicy !== undefined)
    errors.push(
      ...validateResizePolicies(container.resizePolicy, `${at}.resizePolicy`, pod.spec.restartPolicy),
    );
  if (container.securityContext !== undefined)
    errors.push(
      ...validateContainerSecurity(
        container.securityContext,
        `${at}.securityContext`,
        pod.spec.hostUsers !== false,
      ),
    );
  return errors;
}

export const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];

export function protocol(field: string, value: string | undefined): FieldError[] {
  return oneOf(field, value, PROTOCOLS);
}

function ports(list: readonly ContainerPort[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [i, entry] of list.entries()) {
    const at = `${path}[${i}]`;
    if (entry.name) {
      const problems = checkPortName(entry.name);
      if (problems.length > 0) errors.push(...invalidBy(problems, `${at}.name`, entry.name));
      else if (names.has(entry.name)) errors.push(duplicate(`${at}.name`, entry.name));
      else names.add(entry.name);
    }
    if (!entry.containerPort) errors.push(required(`${at}.containerPort`));
    else errors.push(...port(`${at}.containerPort`, entry.containerPort));
    if (entry.hostPort) errors.push(...port(`${at}.hostPort`, entry.hostPort));
    errors.push(...protocol(`${at}.protocol`, entry.protocol));
  }
  return errors;
}

/** One port of the host goes to one container. */
function hostPorts(containers: readonly Container[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  const taken = new Set<string>();
  for (const [i, { ports: list = [] }] of containers.entries())
    for (const [j, entry] of list.entries()) {
      if (!entry.hostPort) continue;
      const key = `${entry.protocol}/${entry.hostIP ?? ''}/${entry.hostPort}`;
      if (taken.has(key)) errors.push(duplicate(`${path}[${i}].ports[${j}].hostPort`, key));
      taken.add(key);
    }
  return errors;
}

const RESTARTS = ['Always', 'Never', 'OnFailure'];
const RESTART_ACTIONS = ['Restart', 'RestartAllContainers'];
const MAX_RESTART_RULES = 20;
const RULES_NEED_POLICY = 'must specify restartPolicy when restart rules are used';
const MAX_EXIT_CODES = 255;

/** Whether one container restarts in its own way, and when. */
function restarts({ restartPolicy, restartPolicyRules = [] }: Container, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (restartPolicy === undefined) {
    if (restartPolicyRules.length > 0) errors.push(required(`${at}.restartPolicy`, RULES_NEED_POLICY));
  } else if (!RESTARTS.includes(restartPolicy))
    errors.push(notSupported(`${at}.restartPolicy`, restartPolicy, RESTARTS));
  const path = `${at}.restartPolicyRules`;
  if (restartPolicyRules.length > MAX_RESTART_RULES)
    errors.push(tooMany(path, restartPolicyRules.length, MAX_RESTART_RULES));
  for (const [i, rule] of restartPolicyRules.entries()) errors.push(...restartRule(rule, `${path}[${i}]`));
  return errors;
}

/** Rules of an init container count only beside a policy of its own. */
function startRestarts(container: Container, at: string): FieldError[] {
  if (container.restartPolicy !== undefined || (container.restartPolicyRules ?? []).length === 0)
    return restarts(container, at);
  return restarts({ ...container, restartPolicyRules: [] }, at).concat(
    required(`${at}.restartPolicy`, RULES_NEED_POLICY),
  );
}

function restartRule({ action, exitCodes }: ContainerRestartRule, at: string): FieldError[] {
  const errors = RESTART_ACTIONS.includes(action)
    ? []
    : [notSupported(`${at}.action`, action ?? '', RESTART_ACTIONS)];
  if (exitCodes === undefined) return [...errors, required(`${at}.exitCodes`, 'must be specified')];
  const { operator, values = [] } = exitCodes;
  if (operator !== 'In' && operator !== 'NotIn')
    errors.push(notSupported(`${at}.exitCodes.operator`, operator ?? '', ['In', 'NotIn']));
  if (values.length > MAX_EXIT_CODES)
    errors.push(tooMany(`${at}.exitCodes.values`, values.length, MAX_EXIT_CODES));
  return errors;
}
