/** The rules of amounts: what a resource may be called, how much of it there may be, and what containers ask for. */
import type { ContainerResizePolicy, PodSpec, ResourceRequirements } from '../generated/types.ts';
import { checkDns1123Label, checkQualifiedName } from '../names.ts';
import { containerRequests } from '../pod-resources.ts';
import { compareQuantities, parseQuantity, quantityValue } from '../quantity.ts';
import { invalidBy } from './checks.ts';
import {
  duplicate,
  forbidden,
  invalid,
  notFound,
  notSupported,
  required,
  type FieldError,
} from './field-error.ts';

type CoreResourceClaim = NonNullable<ResourceRequirements['claims']>[number];
type Amounts = Readonly<Record<string, string>>;

export const COUNTED: ReadonlySet<string> = new Set([
  'pods',
  'services',
  'services.nodeports',
  'services.loadbalancers',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
]);

const STANDARD: ReadonlySet<string> = new Set([
  ...COUNTED,
  'cpu',
  'memory',
  'ephemeral-storage',
  'storage',
  'requests.cpu',
  'requests.memory',
  'requests.storage',
  'requests.ephemeral-storage',
  'limits.cpu',
  'limits.memory',
  'limits.ephemeral-storage',
]);

export function isStandardResource(name: string): boolean {
  return STANDARD.has(name) || name.startsWith('hugepages-') || name.startsWith('requests.hugepages-');
}

/** Kubernetes' own: without a domain, or of its domain. */
function isNative(name: string): boolean {
  return !name.includes('/') || name.includes('kubernetes.io/');
}

/** What a vendor's device plugin offers. */
export function isExtendedResource(name: string): boolean {
  if (isNative(name) || name.startsWith('requests.')) return false;
  return checkQualifiedName(`requests.${name}`).length === 0;
}

function isHugePages(name: string): boolean {
  return name.startsWith('hugepages-');
}

/** Of a vendor's devices and of huge pages nobody can have more than there is. */
export function isOvercommitAllowed(name: string): boolean {
  return isNative(name) && !isHugePages(name);
}

/** A resource's name as it may stand anywhere. */
export function resourceName(field: string, name: string): FieldError[] {
  if (STANDARD.has(name)) return [];
  const errors = invalidBy(checkQualifiedName(name), field, name);
  if (errors.length === 0 && !name.includes('/') && !isStandardResource(name))
    return [invalid(field, name, 'must be a standard resource type or fully qualified')];
  return errors;
}

export function containerResourceName(field: string, name: string): FieldError[] {
  if (name === 'cpu' || name === 'memory' || name === 'ephemeral-storage') return [];
  const errors = resourceName(field, name);
  if (!name.includes('/')) {
    if (!isHugePages(name)) errors.push(invalid(field, name, 'must be a standard resource for containers'));
  } else if (!isNative(name) && !isExtendedResource(name))
    errors.push(invalid(field, name, "doesn't follow extended resource name standard"));
  return errors;
}

const POD_RESOURCES = ['cpu', 'memory'];

function podResourceName(field: string, name: string): FieldError[] {
  const errors = resourceName(field, name);
  if (errors.length > 0 || POD_RESOURCES.includes(name) || isHugePages(name)) return errors;
  return [notSupported(field, name, ['cpu', 'hugepages-', 'memory'])];
}

const NANO = 1_000_000_000n;
const MICRO = 1_000_000n;

/** Not negative; what is counted comes whole. */
export function amount(field: string, name: string, quantity: string): FieldError[] {
  const { nano } = parseQuantity(quantity);
  const errors: FieldError[] = [];
  if (nano < 0n) errors.push(invalid(field, quantity, 'must be greater than or equal to 0'));
  if (nano % NANO !== 0n && (COUNTED.has(name) || isExtendedResource(name)) && roundedUp(nano) % NANO !== 0n)
    errors.push(invalid(field, quantity, 'must be an integer'));
  return errors;
}

/** To thousandths, away from zero, which is as fine as upstream looks. */
function roundedUp(nano: bigint): bigint {
  const rest = nano % MICRO;
  if (rest === 0n) return nano;
  return nano - rest + (nano > 0n ? MICRO : -MICRO);
}

export function positiveAmount(field: string, quantity: string): FieldError[] {
  return parseQuantity(quantity).nano > 0n ? [] : [invalid(field, quantity, 'must be greater than zero')];
}

function hugePages(field: string, name: string, quantity: string): FieldError[] {
  const detail = `${quantity} is not positive integer multiple of ${name}`;
  let size = 0;
  try {
    size = quantityValue(name.slice('hugepages-'.length));
  } catch {
    return [invalid(field, quantity, detail)];
  }
  return size > 0 && quantityValue(quantity) % size === 0 ? [] : [invalid(field, quantity, detail)];
}

type NameRule = (field: string, name: string) => FieldError[];

/** `claims` are the names of the pod's; without them there is no pod. */
export function validateResources(
  resources: ResourceRequirements | undefined,
  at: string,
  claims?: ReadonlySet<string>,
  nameRule: NameRule = containerResourceName,
): FieldError[] {
  if (resources === undefined) return [];
  const { limits = {}, requests = {} } = resources;
  const errors: FieldError[] = [];
  for (const [name, quantity] of Object.entries(limits))
    errors.push(...oneAmount(`${at}.limits[${name}]`, name, quantity, nameRule));
  for (const [name, quantity] of Object.entries(requests)) {
    const field = `${at}.requests[${name}]`;
    errors.push(...nameRule(field, name), ...amount(field, name, quantity));
    errors.push(...withinLimit(name, quantity, limits, at));
    if (isHugePages(name)) errors.push(...hugePages(field, name, quantity));
  }
  const names = [...Object.keys(limits), ...Object.keys(requests)];
  if (names.some(isHugePages) && !names.some((name) => POD_RESOURCES.includes(name)))
    errors.push(forbidden(at, 'HugePages require cpu or memory'));
  if (resources.claims !== undefined)
    errors.push(...claimNames(resources.claims, claims ?? new Set(), `${at}.claims`));
  return errors;
}

function oneAmount(field: string, name: string, quantity: string, nameRule: NameRule): FieldError[] {
  const errors = [...nameRule(field, name), ...amount(field, name, quantity)];
  if (isHugePages(name)) errors.push(...hugePages(field, name, quantity));
  return errors;
}

function withinLimit(name: string, quantity: string, limits: Amounts, at: string): FieldError[] {
  const isShared = isOvercommitAllowed(name);
  const limit = ownAmount(limits, name);
  if (limit === undefined)
    return isShared ? [] : [required(`${at}.limits`, 'Limit must be set for non overcommitable resources')];
  const order = quantity === limit ? 0 : compareQuantities(quantity, limit);
  if (order !== 0 && !isShared)
    return [invalid(`${at}.requests`, quantity, `must be equal to ${name} limit of ${limit}`)];
  if (order > 0)
    return [invalid(`${at}.requests`, quantity, `must be less than or equal to ${name} limit of ${limit}`)];
  return [];
}

/** No claim has a name that is longer. */
const LONGEST_NAME = 253;

/** How many claims begin with a name and a slash: those of one request of the claim. */
class CountedClaims {
  readonly #counts = new Map<string, number>();

  add(key: string): void {
    for (
      let slash = key.indexOf('/');
      slash >= 0 && slash <= LONGEST_NAME;
      slash = key.indexOf('/', slash + 1)
    ) {
      const name = key.slice(0, slash);
      this.#counts.set(name, this.of(name) + 1);
    }
  }

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }
}

/** Each points to a claim of the pod, as a whole or one request of it, and at nothing twice. */
function claimNames(
  list: readonly CoreResourceClaim[],
  known: ReadonlySet<string>,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  const parts = new CountedClaims();
  let all: string | undefined;
  for (const [i, { name, request }] of list.entries()) {
    const at = `${path}[${i}]`;
    if (!name) {
      errors.push(required(at));
      continue;
    }
    if (seen.has(name)) errors.push(duplicate(at, name));
    else {
      const key = request ? `${name}/${request}` : name;
      if (request) errors.push(...invalidBy(checkDns1123Label(request), `${at}.request`, request));
      if (seen.has(key)) errors.push(duplicate(at, key));
      else if (!request) for (let n = parts.of(name); n > 0; n--) errors.push(duplicate(at, name));
      if (!seen.has(key)) parts.add(key);
      seen.add(key);
    }
    if (!known.has(name)) {
      all ??= known.size === 0 ? ' which is empty' : `: ${[...known].sort().join(', ')}`;
      errors.push(notFound(at, name, `must be one of the names in pod.spec.resourceClaims${all}`));
    }
  }
  return errors;
}

/** Where a pod says what it asks for as a whole, that is at least what its containers ask for together. */
export function validatePodResources(spec: PodSpec, path: string): FieldError[] {
  const { resources } = spec;
  if (resources === undefined) return [];
  const errors: FieldError[] = [];
  if (resources.claims !== undefined)
    errors.push(forbidden(`${path}.claims`, 'claims may not be set for Resources at pod-level'));
  errors.push(...validateResources(resources, path, undefined, podResourceName));
  for (const [name, sum] of Object.entries(containerRequests(spec))) {
    const whole = ownAmount(resources.requests, name);
    if (whole !== undefined && compareQuantities(sum, whole) > 0)
      errors.push(
        invalid(
          `${path}.requests[${name}]`,
          whole,
          `must be greater than or equal to aggregate container requests of ${sum}`,
        ),
      );
  }
  for (const [i, container] of (spec.containers ?? []).entries())
    for (const [name, limit] of Object.entries(container.resources?.limits ?? {})) {
      const whole = ownAmount(resources.limits, name);
      if (whole !== undefined && compareQuantities(limit, whole) > 0)
        errors.push(
          invalid(
            `${path}.containers[${i}][${name}].limits`,
            limit,
            `must be less than or equal to pod limits of ${whole}`,
          ),
        );
    }
  return errors;
}

function ownAmount(amounts: Amounts | undefined, name: string): string | undefined {
  return amounts !== undefined && Object.hasOwn(amounts, name) ? amounts[name] : undefined;
}

const RESIZED = ['cpu', 'memory'];
const RESIZE_POLICIES = ['NotRequired', 'RestartContainer'];

/** Whether a container restarts when an amount changes. */
export function validateResizePolicies(
  list: readonly ContainerResizePolicy[],
  path: string,
  podRestarts: string | undefined,
): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, { resourceName: name, restartPolicy }] of list.entries()) {
    if (seen.has(name)) errors.push(duplicate(`${path}[${i}]`, name));
    seen.add(name);
    if (!name) errors.push(required(path));
    else if (!RESIZED.includes(name)) errors.push(notSupported(path, name, RESIZED));
    if (!restartPolicy) errors.push(required(path));
    else if (!RESIZE_POLICIES.includes(restartPolicy))
      errors.push(notSupported(path, restartPolicy, RESIZE_POLICIES));
    if (podRestarts === 'Never' && restartPolicy !== 'NotRequired')
      errors.push(invalid(path, restartPolicy, "must be 'NotRequired' when `restartPolicy` is 'Never'"));
  }
  return errors;
}
