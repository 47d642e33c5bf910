/** The rules of containers and what hangs below them. */
import { isIP } from 'node:net';
import type { Container, ContainerPort, EnvVar, Probe, ResourceRequirements } from '../generated/types.ts';
import { checkDns1123Label, checkPortName, checkQualifiedName } from '../names.ts';
import { compareQuantities, parseQuantity } from '../quantity.ts';
import { validateContainerSettings } from './pod-settings.ts';
import { NOT_AN_ADDRESS } from './addresses.ts';
import { checkName, nonNegative, port } from './checks.ts';
import { validateMounts } from './mounts.ts';
import { duplicate, forbidden, invalid, required, type FieldError } from './field-error.ts';

/** `taken` collects names over all kinds of containers of a pod, which must differ. */
export function validateContainers(
  containers: readonly Container[],
  path: string,
  volumes: ReadonlySet<string>,
  taken: Set<string>,
): FieldError[] {
  return containers.flatMap((container, i) => {
    const at = `${path}[${i}]`;
    const errors = checkName(`${at}.name`, container.name, checkDns1123Label);
    if (container.name) {
      if (taken.has(container.name)) errors.push(duplicate(`${at}.name`, container.name));
      taken.add(container.name);
    }
    return [...errors, ...validateContainer(container, at, volumes)];
  });
}

function validateContainer(container: Container, at: string, volumes: ReadonlySet<string>): FieldError[] {
  const errors: FieldError[] = [];
  if (!container.image) errors.push(required(`${at}.image`));
  else if (container.image.trim() !== container.image) {
    errors.push(invalid(`${at}.image`, container.image, 'must not have leading or trailing whitespace'));
  }
  errors.push(...ports(container.ports ?? [], `${at}.ports`));
  for (const [i, env] of (container.env ?? []).entries()) errors.push(...envVar(env, `${at}.env[${i}]`));
  errors.push(...validateMounts(container, at, volumes));
  errors.push(...validateResources(container.resources, `${at}.resources`));
  errors.push(...validateContainerSettings(container, at));
  errors.push(...probe(container.livenessProbe, `${at}.livenessProbe`, true));
  errors.push(...probe(container.readinessProbe, `${at}.readinessProbe`, false));
  errors.push(...probe(container.startupProbe, `${at}.startupProbe`, true));
  return errors;
}

function ports(list: readonly ContainerPort[], path: string): FieldError[] {
  const names = new Set<string>();
  return list.flatMap((entry, i) => {
    const at = `${path}[${i}]`;
    const errors: FieldError[] = [];
    if (entry.name) {
      const problems = checkPortName(entry.name);
      errors.push(...problems.map((text) => invalid(`${at}.name`, entry.name, text)));
      if (problems.length === 0 && names.has(entry.name)) errors.push(duplicate(`${at}.name`, entry.name));
      names.add(entry.name);
    }
    if (!entry.containerPort) errors.push(required(`${at}.containerPort`));
    else errors.push(...port(`${at}.containerPort`, entry.containerPort));
    if (entry.hostPort) errors.push(...port(`${at}.hostPort`, entry.hostPort));
    if (entry.hostIP && isIP(entry.hostIP) === 0)
      errors.push(invalid(`${at}.hostIP`, entry.hostIP, NOT_AN_ADDRESS));
    if (!entry.protocol) errors.push(required(`${at}.protocol`));
    return errors;
  });
}

function envVar(env: EnvVar, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!env.name) errors.push(required(`${at}.name`));
  else if (/[^\u0020-\u007e]|=/.test(env.name)) {
    errors.push(
      invalid(
        `${at}.name`,
        env.name,
        "a valid environment variable name must consist only of printable ASCII characters other than '='",
      ),
    );
  }
  const from = env.valueFrom;
  if (from !== undefined) {
    const sources = Object.values(from).filter((source) => source !== undefined).length;
    if (sources === 0) {
      errors.push(
        invalid(
          `${at}.valueFrom`,
          '',
          'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`',
        ),
      );
    } else if (env.value) {
      errors.push(invalid(`${at}.valueFrom`, '', 'may not be specified when `value` is not empty'));
    } else if (sources > 1) {
      errors.push(invalid(`${at}.valueFrom`, '', 'may not have more than one field specified at a time'));
    }
    for (const name of ['configMapKeyRef', 'secretKeyRef'] as const) {
      const ref = from[name];
      if (ref === undefined) continue;
      if (!ref.name) errors.push(required(`${at}.valueFrom.${name}.name`));
      if (!ref.key) errors.push(required(`${at}.valueFrom.${name}.key`));
    }
    if (from.fieldRef && !from.fieldRef.fieldPath)
      errors.push(required(`${at}.valueFrom.fieldRef.fieldPath`));
  }
  return errors;
}

const HANDLERS = ['exec', 'httpGet', 'tcpSocket', 'grpc'] as const;

function probe(value: Probe | undefined, at: string, succeedsOnce: boolean): FieldError[] {
  if (value === undefined) return [];
  const errors: FieldError[] = [];
  const handlers = HANDLERS.filter((name) => value[name] !== undefined);
  if (handlers.length === 0) errors.push(required(at, 'must specify a handler type'));
  for (const name of handlers.slice(1)) {
    errors.push(forbidden(`${at}.${name}`, 'may not specify more than 1 handler type'));
  }
  for (const name of [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ] as const) {
    errors.push(...nonNegative(`${at}.${name}`, value[name]));
  }
  const grace = value.terminationGracePeriodSeconds;
  if (grace !== undefined && !succeedsOnce)
    errors.push(invalid(`${at}.terminationGracePeriodSeconds`, grace, 'must not be set for readinessProbes'));
  else if (grace !== undefined && grace <= 0)
    errors.push(invalid(`${at}.terminationGracePeriodSeconds`, grace, 'must be greater than 0'));
  if (value.httpGet !== undefined && !value.httpGet.path) errors.push(required(`${at}.httpGet.path`));
  if (value.grpc !== undefined) errors.push(...port(`${at}.grpc.port`, value.grpc.port));
  if (succeedsOnce && value.successThreshold !== undefined && value.successThreshold !== 1) {
    errors.push(invalid(`${at}.successThreshold`, value.successThreshold, 'must be 1'));
  }
  if (value.exec && (value.exec.command ?? []).length === 0) errors.push(required(`${at}.exec.command`));
  for (const name of ['httpGet', 'tcpSocket'] as const) {
    const target = value[name]?.port;
    if (target === undefined) continue;
    if (typeof target === 'number') errors.push(...port(`${at}.${name}.port`, target));
    else errors.push(...checkPortName(target).map((text) => invalid(`${at}.${name}.port`, target, text)));
  }
  return errors;
}

const BILLION = 1_000_000_000n;

/** Requests and limits: known by qualified names, not negative, and requests within limits. */
export function validateResources(resources: ResourceRequirements | undefined, at: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const list of ['limits', 'requests'] as const) {
    for (const [name, amount] of Object.entries(resources?.[list] ?? {})) {
      const field = `${at}.${list}[${name}]`;
      errors.push(...checkQualifiedName(name).map((text) => invalid(`${at}.${list}`, name, text)));
      if (!name.includes('/') && !isNativeResource(name)) {
        errors.push(invalid(field, name, 'must be a standard resource for containers'));
      }
      if (name.includes('/') && parseQuantity(amount).nano % BILLION !== 0n)
        errors.push(invalid(field, amount, 'must be an integer'));
      if (compareQuantities(amount, '0') < 0) {
        errors.push(invalid(field, amount, 'must be greater than or equal to 0'));
      }
    }
  }
  for (const [name, request] of Object.entries(resources?.requests ?? {})) {
    const limits = resources?.limits ?? {};
    const limit = Object.hasOwn(limits, name) ? limits[name] : undefined;
    // Of a vendor's devices and of huge pages nobody can have more than there is.
    const isShared = !name.includes('/') && !name.startsWith('hugepages-');
    if (limit === undefined && !isShared)
      errors.push(required(`${at}.limits`, 'Limit must be set for non overcommitable resources'));
    else if (limit !== undefined && !isShared && compareQuantities(request, limit) !== 0)
      errors.push(invalid(`${at}.requests`, request, `must be equal to ${name} limit of ${limit}`));
    else if (limit !== undefined && compareQuantities(request, limit) > 0) {
      errors.push(
        invalid(`${at}.requests`, request, `must be less than or equal to ${name} limit of ${limit}`),
      );
    }
  }
  return errors;
}

function isNativeResource(name: string): boolean {
  return name === 'cpu' || name === 'memory' || name === 'ephemeral-storage' || name.startsWith('hugepages-');
}
