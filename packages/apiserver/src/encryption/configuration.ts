/**
 * Upstream's `EncryptionConfiguration` (apiserver.config.k8s.io/v1): which resources are stored how. The first provider
 * of a resource writes, all of them read. Pure: text in, providers out. Errors name the field and never a secret.
 */
import { parse } from 'yaml';
import { aesCbc, aesGcm, identity, type Provider } from './providers.ts';

export interface ResourceEncryption {
  /** `secrets`, `deployments.apps`, `*.apps`, `*.` (all of the core group) or `*.*`. */
  readonly resources: readonly string[];
  readonly providers: readonly [Provider, ...Provider[]];
}

const keyLengths = [16, 24, 32];
const ciphers = { aesgcm: aesGcm, aescbc: aesCbc } as const;
const maxKeys = 100;

/** Throws with the field that is wrong. */
export function parseEncryptionConfiguration(text: string): readonly ResourceEncryption[] {
  let document: unknown;
  try {
    document = parse(text);
  } catch {
    // What the parser says may quote the text, and with it a key.
    throw new Error('it is not YAML');
  }
  const root = mapOf(document, 'the configuration');
  if (root['kind'] !== 'EncryptionConfiguration')
    throw new Error('kind: Required value: must be EncryptionConfiguration');
  if (root['apiVersion'] !== 'apiserver.config.k8s.io/v1')
    throw new Error('apiVersion: Required value: must be apiserver.config.k8s.io/v1');
  const resources = listOf(root['resources'], 'resources');
  return resources.map((item, i) => {
    const at = `resources[${i}]`;
    const one = mapOf(item, at);
    const names = listOf(one['resources'], `${at}.resources`).map((name, n) =>
      resourceName(name, `${at}.resources[${n}]`),
    );
    const [first, ...rest] = listOf(one['providers'], `${at}.providers`).flatMap((provider, n) =>
      providersOf(provider, `${at}.providers[${n}]`),
    );
    if (first === undefined) throw new Error(`${at}.providers: Required value`);
    return { resources: names, providers: [first, ...rest] };
  });
}

function resourceName(value: unknown, at: string): string {
  if (typeof value !== 'string' || value === '' || value === '*')
    throw new Error(
      `${at}: Invalid value: ${JSON.stringify(value)}: use RESOURCE, RESOURCE.GROUP, *.GROUP, *. or *.*`,
    );
  return value;
}

function providersOf(value: unknown, at: string): Provider[] {
  const given = mapOf(value, at);
  const names = Object.keys(given);
  const [name = ''] = names;
  if (names.length !== 1) throw new Error(`${at}: exactly one provider must stand here, not ${names.length}`);
  if (name === 'identity') return [identity];
  if (name !== 'aesgcm' && name !== 'aescbc')
    throw new Error(`${at}.${name}: provider is not supported: use aesgcm, aescbc or identity`);
  const make = ciphers[name];
  const seen = new Set<string>();
  return listOf(mapOf(given[name], `${at}.${name}`)['keys'], `${at}.${name}.keys`).map((item, i) => {
    const where = `${at}.${name}.keys[${i}]`;
    const key = mapOf(item, where);
    const keyName = key['name'];
    if (typeof keyName !== 'string' || keyName === '') throw new Error(`${where}.name: Required value`);
    if (keyName.includes(':')) throw new Error(`${where}.name: Invalid value: must not contain a colon`);
    if (seen.has(keyName)) throw new Error(`${where}.name: Duplicate value: ${JSON.stringify(keyName)}`);
    seen.add(keyName);
    return make(keyName, secretOf(key['secret'], `${where}.secret`));
  });
}

function secretOf(value: unknown, at: string): Buffer {
  if (typeof value !== 'string' || value === '') throw new Error(`${at}: Required value`);
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(value) || value.length % 4 !== 0)
    throw new Error(`${at}: Invalid value: "REDACTED": secret must be base64 encoded`);
  const secret = Buffer.from(value, 'base64');
  if (!keyLengths.includes(secret.length))
    throw new Error(
      `${at}: Invalid value: "REDACTED": secret is not of the expected length, got ${secret.length}, expected one of [${keyLengths.join(' ')}]`,
    );
  return secret;
}

function mapOf(value: unknown, at: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`${at}: must be a map`);
  return value as Record<string, unknown>;
}

function listOf(value: unknown, at: string): readonly unknown[] {
  if (!Array.isArray(value) || value.length === 0) throw new Error(`${at}: Required value`);
  if (value.length > maxKeys) throw new Error(`${at}: Too many: must have at most ${maxKeys} items`);
  return value;
}

/** The providers of a resource: of the first entry that names it, or that has a wildcard for it. */
export function providersFor(
  configuration: readonly ResourceEncryption[],
  { group, resource }: { readonly group: string; readonly resource: string },
): readonly Provider[] | undefined {
  const names = new Set([group === '' ? resource : `${resource}.${group}`, `*.${group}`, '*.*']);
  return configuration.find(({ resources }) => resources.some((name) => names.has(name)))?.providers;
}
