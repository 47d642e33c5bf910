/** The rules of kinds that hold data, and of nodes and namespaces. */
import type { Binding, ConfigMap, Lease, Namespace, Scale, Secret } from '../generated/types.ts';
import { checkConfigMapKey, checkQualifiedName } from '../names.ts';
import { immutable, invalidBy, nonNegative, same } from './checks.ts';
import { finalizerName } from './metadata.ts';
import {
  forbidden,
  invalid,
  notSupported,
  required,
  tooLong,
  WHOLE,
  type FieldError,
} from './field-error.ts';

const MAX_DATA = 1024 * 1024;

export function validateConfigMap(map: ConfigMap): FieldError[] {
  const errors: FieldError[] = [];
  let size = 0;
  for (const [key, value] of Object.entries(map.data ?? {})) {
    errors.push(...checkConfigMapKey(key).map((text) => invalid(`data[${key}]`, key, text)));
    size += Buffer.byteLength(value);
    if (Object.hasOwn(map.binaryData ?? {}, key)) {
      errors.push(invalid(`data[${key}]`, key, 'duplicate of key present in binaryData'));
    }
  }
  for (const [key, value] of Object.entries(map.binaryData ?? {})) {
    errors.push(...checkConfigMapKey(key).map((text) => invalid(`binaryData[${key}]`, key, text)));
    size += decodedSize(value);
  }
  if (size > MAX_DATA) errors.push(tooLong(WHOLE, MAX_DATA));
  return errors;
}

function decodedSize(base64: string): number {
  return Math.floor((base64.length * 3) / 4);
}

export function validateConfigMapUpdate(map: ConfigMap, old: ConfigMap): FieldError[] {
  return frozen(map, old, ['data', 'binaryData']);
}

/** An object marked immutable keeps its data and its mark. */
function frozen<T extends { immutable?: boolean }>(
  now: T,
  old: T,
  fields: readonly (keyof T & string)[],
): FieldError[] {
  if (old.immutable !== true) return [];
  const errors: FieldError[] = [];
  if (now.immutable !== true)
    errors.push(forbidden('immutable', 'field is immutable when `immutable` is set'));
  for (const field of fields) {
    if (!same(now[field], old[field])) {
      errors.push(forbidden(field, 'field is immutable when `immutable` is set'));
    }
  }
  return errors;
}

/** Keys that secrets of known types must have. */
const SECRET_KEYS: ReadonlyMap<string, readonly string[]> = new Map([
  ['kubernetes.io/tls', ['tls.crt', 'tls.key']],
  ['kubernetes.io/dockercfg', ['.dockercfg']],
  ['kubernetes.io/dockerconfigjson', ['.dockerconfigjson']],
  ['kubernetes.io/ssh-auth', ['ssh-privatekey']],
]);

export function validateSecret(secret: Secret): FieldError[] {
  const errors: FieldError[] = [];
  let size = 0;
  for (const [key, value] of Object.entries(secret.data ?? {})) {
    errors.push(...checkConfigMapKey(key).map((text) => invalid(`data[${key}]`, key, text)));
    size += decodedSize(value);
  }
  if (size > MAX_DATA) errors.push(tooLong('data', MAX_DATA));
  for (const key of SECRET_KEYS.get(secret.type ?? '') ?? []) {
    if (!Object.hasOwn(secret.data ?? {}, key)) errors.push(required(`data[${key}]`));
  }
  errors.push(...contents(secret));
  if (
    secret.type === 'kubernetes.io/service-account-token' &&
    !secret.metadata?.annotations?.['kubernetes.io/service-account.name']
  ) {
    errors.push(required('metadata.annotations[kubernetes.io/service-account.name]'));
  }
  return errors;
}

/** What secrets of known types hold must be of use; their contents are not shown. */
function contents({ type, data = {} }: Secret): FieldError[] {
  if (type === 'kubernetes.io/basic-auth')
    return 'username' in data || 'password' in data
      ? []
      : [required('data[username]'), required('data[password]')];
  const key = type === 'kubernetes.io/dockercfg' ? '.dockercfg' : '.dockerconfigjson';
  if (type !== 'kubernetes.io/dockercfg' && type !== 'kubernetes.io/dockerconfigjson') return [];
  const text = Object.hasOwn(data, key) ? data[key] : undefined;
  if (text === undefined) return [];
  try {
    JSON.parse(Buffer.from(text, 'base64').toString());
    return [];
  } catch {
    return [invalid(`data[${key}]`, '<secret contents redacted>', 'must be valid JSON')];
  }
}

export function validateSecretUpdate(secret: Secret, old: Secret): FieldError[] {
  return [...immutable('type', secret.type, old.type), ...frozen(secret, old, ['data'])];
}

export function validateNamespace(namespace: Namespace): FieldError[] {
  return (namespace.spec?.finalizers ?? []).flatMap((finalizer) =>
    finalizerName('spec.finalizers', finalizer),
  );
}

export function validateNamespaceFinalize({ spec }: Namespace): FieldError[] {
  return (spec?.finalizers ?? []).flatMap((finalizer, i) =>
    finalizerName(`spec.finalizers[${i}]`, finalizer),
  );
}

/** A namespace is going when somebody has deleted it, and only then. */
export function validateNamespaceStatus({ metadata, status }: Namespace): FieldError[] {
  const isGoing = metadata?.deletionTimestamp !== undefined;
  const phase = status?.phase ?? '';
  if (phase === (isGoing ? 'Terminating' : 'Active')) return [];
  const detail = isGoing
    ? "may only be 'Terminating' if `deletionTimestamp` is not empty"
    : "may only be 'Active' if `deletionTimestamp` is empty";
  return [invalid('status.Phase', phase, detail)];
}

export function validateLease({ spec }: Lease): FieldError[] {
  const errors: FieldError[] = [];
  if (spec?.leaseDurationSeconds !== undefined && spec.leaseDurationSeconds <= 0) {
    errors.push(invalid('spec.leaseDurationSeconds', spec.leaseDurationSeconds, 'must be greater than 0'));
  }
  errors.push(...nonNegative('spec.leaseTransitions', spec?.leaseTransitions));
  if (spec?.strategy !== undefined) errors.push(...leaseStrategy(spec.strategy));
  if (spec?.preferredHolder && !spec.strategy)
    errors.push(forbidden('spec.preferredHolder', 'may only be specified if `strategy` is defined'));
  return errors;
}

const STRATEGIES = ['OldestEmulationVersion'];

function leaseStrategy(strategy: string): FieldError[] {
  // Upstream names the field twice.
  const field = 'spec.strategy.strategy';
  if (strategy.includes('/')) return invalidBy(checkQualifiedName(strategy), field, strategy);
  return STRATEGIES.includes(strategy) ? [] : [notSupported(field, strategy, STRATEGIES)];
}

export function validateBinding(binding: Binding): FieldError[] {
  const errors: FieldError[] = [];
  if (binding.target.kind && binding.target.kind !== 'Node') {
    errors.push({
      type: 'NotSupported',
      field: 'target.kind',
      badValue: binding.target.kind,
      detail: 'supported values: "Node", "<empty>"',
    });
  }
  if (!binding.target.name) errors.push(required('target.name'));
  return errors;
}

export function validateScale(scale: Scale): FieldError[] {
  return nonNegative('spec.replicas', scale.spec?.replicas);
}
