/**
 * The environment of a container: services of its namespace, then `envFrom`, then `env`, later entries winning and
 * `$(NAME)` replaced by what came before. A missing ConfigMap or Secret is a `ConfigError` unless it is optional.
 */
import type { ConfigMap, Container, Secret, Service } from '@timonier/api';
import { isIPv4 } from 'node:net';
import { expand } from './expansion.ts';
import { fieldValue, resourceValue, type FieldContext } from './fields.ts';

/** The container cannot be made as it is described; shown as `CreateContainerConfigError`. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

export interface ObjectSource {
  /** Undefined when there is no such object; rejects when that cannot be found out. */
  configMap(namespace: string, name: string): Promise<ConfigMap | undefined>;
  secret(namespace: string, name: string): Promise<Secret | undefined>;
  /** Services of a namespace, and `kubernetes` of `default`; resolves once they are known. */
  services(namespace: string): Promise<readonly Service[]>;
}

export async function containerEnvironment(
  container: Container,
  context: FieldContext,
  source: ObjectSource,
): Promise<Map<string, string>> {
  const namespace = context.pod.metadata?.namespace ?? 'default';
  const variables = new Map<string, string>();
  const links = context.pod.spec?.enableServiceLinks !== false;
  for (const service of await source.services(namespace)) {
    const isApi = service.metadata?.name === 'kubernetes' && service.metadata.namespace === 'default';
    if (links || isApi) addServiceVariables(variables, service);
  }
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    for (const [key, value] of await allKeys(source, namespace, configMapRef, secretRef)) {
      variables.set(`${prefix}${key}`, value);
    }
  }
  for (const { name, value, valueFrom } of container.env ?? []) {
    if (valueFrom === undefined) {
      variables.set(name, expand(value ?? '', variables));
      continue;
    }
    const found = await referenced(valueFrom, container, context, source);
    if (found !== undefined) variables.set(name, found);
  }
  return variables;
}

async function allKeys(
  source: ObjectSource,
  namespace: string,
  configMapRef: { name?: string; optional?: boolean } | undefined,
  secretRef: { name?: string; optional?: boolean } | undefined,
): Promise<[string, string][]> {
  if (configMapRef !== undefined) {
    const name = configMapRef.name ?? '';
    const found = await source.configMap(namespace, name);
    if (found === undefined && configMapRef.optional !== true)
      throw new ConfigError(`configmap "${name}" not found`);
    return Object.entries(found?.data ?? {});
  }
  if (secretRef !== undefined) {
    const name = secretRef.name ?? '';
    const found = await source.secret(namespace, name);
    if (found === undefined && secretRef.optional !== true)
      throw new ConfigError(`secret "${name}" not found`);
    return Object.entries(found?.data ?? {}).map(([key, value]) => [key, decodeBase64(value)]);
  }
  return [];
}

async function referenced(
  from: NonNullable<NonNullable<Container['env']>[number]['valueFrom']>,
  container: Container,
  context: FieldContext,
  source: ObjectSource,
): Promise<string | undefined> {
  const { pod } = context;
  const namespace = pod.metadata?.namespace ?? 'default';
  if (from.fieldRef !== undefined) return fieldValue(from.fieldRef.fieldPath, context);
  if (from.resourceFieldRef !== undefined) {
    const { containerName } = from.resourceFieldRef;
    const all = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
    const target = containerName === undefined ? container : all.find(({ name }) => name === containerName);
    if (target === undefined) throw new ConfigError(`container "${containerName}" not found`);
    return resourceValue(from.resourceFieldRef, target, context);
  }
  if (from.configMapKeyRef !== undefined) {
    const { name = '', key, optional } = from.configMapKeyRef;
    const found = await source.configMap(namespace, name);
    return required(found?.data?.[key], optional, `configmap "${name}"`, found !== undefined, key, namespace);
  }
  if (from.secretKeyRef !== undefined) {
    const { name = '', key, optional } = from.secretKeyRef;
    const found = await source.secret(namespace, name);
    const value = found?.data?.[key];
    const text = value === undefined ? undefined : decodeBase64(value);
    return required(text, optional, `secret "${name}"`, found !== undefined, key, namespace);
  }
  return undefined;
}

function required(
  value: string | undefined,
  optional: boolean | undefined,
  what: string,
  exists: boolean,
  key: string,
  namespace: string,
): string | undefined {
  if (value !== undefined || optional === true) return value;
  throw new ConfigError(
    exists ? `couldn't find key ${key} in ${what} of namespace ${namespace}` : `${what} not found`,
  );
}

/** `REDIS_SERVICE_HOST`, `REDIS_SERVICE_PORT`, `REDIS_SERVICE_PORT_NAME` and the older link variables. */
function addServiceVariables(variables: Map<string, string>, service: Service): void {
  const address = service.spec?.clusterIP ?? '';
  const ports = service.spec?.ports ?? [];
  if (!isIPv4(address) || ports.length === 0) return;
  const prefix = variableName(service.metadata?.name ?? '');
  variables.set(`${prefix}_SERVICE_HOST`, address);
  for (const [index, { name, port, protocol = 'TCP' }] of ports.entries()) {
    const url = `${protocol.toLowerCase()}://${address}:${port}`;
    if (index === 0) {
      variables.set(`${prefix}_SERVICE_PORT`, String(port));
      variables.set(`${prefix}_PORT`, url);
    }
    if (name !== undefined && name !== '')
      variables.set(`${prefix}_SERVICE_PORT_${variableName(name)}`, String(port));
    const link = `${prefix}_PORT_${port}_${protocol.toUpperCase()}`;
    variables.set(link, url);
    variables.set(`${link}_PROTO`, protocol.toLowerCase());
    variables.set(`${link}_PORT`, String(port));
    variables.set(`${link}_ADDR`, address);
  }
}

function variableName(name: string): string {
  return name.replaceAll('-', '_').toUpperCase();
}

function decodeBase64(value: string): string {
  return Buffer.from(value, 'base64').toString('utf8');
}
