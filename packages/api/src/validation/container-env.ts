/** The rules of a container's environment, and of the references to fields and amounts that volumes make too. */
import type {
  EnvFromSource,
  EnvVar,
  EnvVarSource,
  ObjectFieldSelector,
  ResourceFieldSelector,
  Volume,
} from '../generated/types.ts';
import { checkConfigMapKey, checkDns1123Subdomain } from '../names.ts';
import { canonicalQuantity, compareQuantities } from '../quantity.ts';
import { invalidBy, qualifiedName } from './checks.ts';
import { invalid, notFound, notSupported, required, type FieldError } from './field-error.ts';
import { relativePath } from './paths.ts';

const ENV_NAME =
  "a valid environment variable name must consist only of printable ASCII characters other than '='";

function envName(field: string, name: string): FieldError[] {
  return /[^\u0020-\u007e]|=/.test(name) ? [invalid(field, name, ENV_NAME)] : [];
}

export function validateEnv(list: readonly EnvVar[], path: string, volumes: Volumes): FieldError[] {
  const errors: FieldError[] = [];
  for (const [i, { name, value, valueFrom }] of list.entries()) {
    if (!name) errors.push(required(`${path}[${i}].name`));
    else errors.push(...envName(`${path}[${i}].name`, name));
    if (valueFrom !== undefined) errors.push(...source(valueFrom, value, `${path}[${i}].valueFrom`, volumes));
  }
  return errors;
}

/** The pod's volumes by name. */
type Volumes = ReadonlyMap<string, Volume>;

const ENV_FIELDS = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];

function source(from: EnvVarSource, value: string | undefined, at: string, volumes: Volumes): FieldError[] {
  const errors: FieldError[] = [];
  let sources = 0;
  if (from.fieldRef !== undefined) {
    sources++;
    errors.push(...fieldReference(from.fieldRef, `${at}.fieldRef`, ENV_FIELDS));
  }
  if (from.resourceFieldRef !== undefined) {
    sources++;
    errors.push(...resourceReference(from.resourceFieldRef, `${at}.resourceFieldRef`, false));
  }
  for (const name of ['configMapKeyRef', 'secretKeyRef'] as const) {
    const reference = from[name];
    if (reference === undefined) continue;
    sources++;
    errors.push(
      ...invalidBy(checkDns1123Subdomain(reference.name ?? ''), `${at}.${name}.name`, reference.name ?? ''),
    );
    if (!reference.key) errors.push(required(`${at}.${name}.key`));
    else errors.push(...invalidBy(checkConfigMapKey(reference.key), `${at}.${name}.key`, reference.key));
  }
  if (from.fileKeyRef !== undefined) {
    sources++;
    errors.push(...fileReference(from.fileKeyRef, `${at}.fileKeyRef`));
  }
  if (sources === 0) errors.push(invalid(at, '', ONE_SOURCE));
  else if (value) errors.push(invalid(at, '', 'may not be specified when `value` is not empty'));
  else if (sources > 1) errors.push(invalid(at, '', 'may not have more than one field specified at a time'));
  // Whether there is such a volume is asked of what is right so far.
  if (from.fileKeyRef?.volumeName)
    errors.push(...fileVolume(from.fileKeyRef.volumeName, `${at}.fileKeyRef.volumeName`, volumes));
  return errors;
}

const ONE_SOURCE =
  'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`';

function fileReference(
  { key, volumeName, path }: NonNullable<EnvVarSource['fileKeyRef']>,
  at: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (!key) errors.push(required(`${at}.key`));
  else errors.push(...envName(`${at}.key`, key));
  if (!volumeName) errors.push(required(`${at}.volumeName`));
  errors.push(...(path ? relativePath(`${at}.path`, path) : [required(`${at}.path`)]));
  return errors;
}

function fileVolume(name: string, at: string, volumes: Volumes): FieldError[] {
  const volume = volumes.get(name);
  if (volume === undefined) return [notFound(at, name)];
  return volume.emptyDir === undefined ? [invalid(at, name, 'must be a volume of type emptyDir')] : [];
}

/** Fields of pods that can be referred to at all; each use takes some of them. */
const KNOWN_FIELDS: ReadonlySet<string> = new Set([
  'metadata.annotations',
  'metadata.labels',
  'spec.hostname',
  'spec.restartPolicy',
  'spec.schedulerName',
  'status.phase',
  ...ENV_FIELDS,
]);

export function fieldReference(
  { apiVersion, fieldPath }: ObjectFieldSelector,
  at: string,
  supported: readonly string[],
): FieldError[] {
  if (!apiVersion) return [required(`${at}.apiVersion`)];
  if (!fieldPath) return [required(`${at}.fieldPath`)];
  const [name, subscript] = withoutSubscript(fieldPath);
  if (apiVersion !== 'v1' || !(subscript === undefined ? KNOWN_FIELDS.has(name) : isMap(name))) {
    const why =
      apiVersion === 'v1'
        ? `field label not supported: ${fieldPath}`
        : `unsupported pod version: ${apiVersion}`;
    return [invalid(`${at}.fieldPath`, fieldPath, `error converting fieldPath: ${why}`)];
  }
  if (name === 'metadata.annotations' && subscript !== undefined)
    return qualifiedName(at, subscript.toLowerCase());
  if (name === 'metadata.labels' && subscript !== undefined) return qualifiedName(at, subscript);
  return supported.includes(name) ? [] : [notSupported(`${at}.fieldPath`, name, supported)];
}

/** `metadata.labels['a']` → `metadata.labels` and `a`. */
function withoutSubscript(path: string): readonly [name: string, subscript?: string] {
  const at = path.indexOf("['");
  return at > 0 && path.endsWith("']") && at + 4 <= path.length
    ? [path.slice(0, at), path.slice(at + 2, -2)]
    : [path];
}

function isMap(name: string): boolean {
  return name === 'metadata.annotations' || name === 'metadata.labels';
}

const AMOUNTS = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
];
const HUGE_PAGES = /^(limits|requests)\.hugepages-/;
const DIVISORS = '1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei'.split(', ');

export function resourceReference(
  { containerName, resource, divisor }: ResourceFieldSelector,
  at: string,
  isVolume: boolean,
): FieldError[] {
  const errors: FieldError[] = [];
  if (isVolume && !containerName) errors.push(required(`${at}.containerName`));
  else if (!resource) errors.push(required(`${at}.resource`));
  else if (!AMOUNTS.includes(resource) && !HUGE_PAGES.test(resource))
    errors.push(notSupported(`${at}.resource`, resource, AMOUNTS));
  if (divisor === undefined || compareQuantities(divisor, '0') === 0) return errors;
  const given = canonicalQuantity(divisor);
  if (resource.endsWith('.cpu')) {
    if (given !== '1' && given !== '1m')
      errors.push(
        invalid(
          `${at}.divisor`,
          resource,
          "only divisor's values 1m and 1 are supported with the cpu resource",
        ),
      );
  } else if (!DIVISORS.includes(given) && (AMOUNTS.includes(resource) || HUGE_PAGES.test(resource))) {
    const what = HUGE_PAGES.test(resource)
      ? 'hugepages'
      : resource.endsWith('.memory')
        ? 'memory'
        : 'local ephemeral storage';
    errors.push(
      invalid(
        `${at}.divisor`,
        resource,
        `only divisor's values ${DIVISORS.join(', ')} are supported with the ${what} resource`,
      ),
    );
  }
  return errors;
}

export function validateEnvFrom(list: readonly EnvFromSource[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [i, one] of list.entries()) {
    const at = `${path}[${i}]`;
    if (one.prefix) errors.push(...envName(`${at}.prefix`, one.prefix));
    let sources = 0;
    for (const name of ['configMapRef', 'secretRef'] as const) {
      const reference = one[name];
      if (reference === undefined) continue;
      sources++;
      if (!reference.name) errors.push(required(`${at}.${name}.name`));
      else
        errors.push(
          ...invalidBy(checkDns1123Subdomain(reference.name), `${at}.${name}.name`, reference.name),
        );
    }
    // Upstream names the list here, not its item.
    if (sources === 0) errors.push(invalid(path, '', 'must specify one of: `configMapRef` or `secretRef`'));
    else if (sources > 1)
      errors.push(invalid(path, '', 'may not have more than one field specified at a time'));
  }
  return errors;
}
