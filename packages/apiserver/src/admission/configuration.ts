/**
 * Upstream's `AdmissionConfiguration` (apiserver.config.k8s.io): what plugins are told beyond their being on. Text in,
 * settings out; files that it names are read relative to it. Errors name the field, and a plugin that takes no
 * configuration must not be given any: nobody would heed it.
 */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Toleration } from '@timonier/api';
import { parse } from 'yaml';
import {
  type Fields,
  listOf,
  mapOf,
  oneOf,
  onlyKnown,
  parseDocument,
  textOf,
} from '../configuration/document.ts';
import { type EventLimit, limitTypes } from './optional/event-rates.ts';
import { imagePolicyOf } from './optional/image-policy-settings.ts';
import type { NodeSelectorSettings } from './optional/pod-node-selector.ts';
import type { TolerationSettings } from './optional/pod-tolerations.ts';
import { labelErrors, labelPrefix } from './pod-security/policy.ts';
import type { PodSecuritySettings } from './pod-security/settings.ts';
import type { AdmissionSettings } from './settings.ts';

const type = {
  kind: 'AdmissionConfiguration',
  group: 'apiserver.config.k8s.io',
  versions: ['v1', 'v1alpha1'],
};
const maxNames = 10_000;
/** As upstream, where a limit says nothing of it. */
const usualCacheSize = 4_096;

type Configured = Partial<Omit<AdmissionSettings, 'tolerationSeconds'>>;

const readers: Readonly<Record<string, (text: string) => Configured>> = {
  PodSecurity: (text) => ({ podSecurity: podSecurityOf(text) }),
  PodNodeSelector: (text) => ({ nodeSelectors: nodeSelectorsOf(text) }),
  PodTolerationRestriction: (text) => ({ tolerations: tolerationsOf(text) }),
  EventRateLimit: (text) => ({ eventLimits: eventLimitsOf(text) }),
  ImagePolicyWebhook: (text) => ({ imagePolicy: imagePolicyOf(text) }),
};

/** Throws with the flag's name, the file, and what is wrong in it. */
export async function readAdmissionConfiguration(path: string): Promise<Configured> {
  if (path === '') return {};
  try {
    return await settingsOf(await readFile(path, 'utf8'), (name) =>
      readFile(resolve(dirname(path), name), 'utf8'),
    );
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`--admission-control-config-file: ${path}: ${reason}`, { cause: error });
  }
}

export async function settingsOf(text: string, read: (path: string) => Promise<string>): Promise<Configured> {
  const root = parseDocument(text, type);
  onlyKnown(root, ['apiVersion', 'kind', 'plugins'], '');
  let settings: Configured = {};
  const seen = new Set<string>();
  for (const [i, item] of listOf(root['plugins'], 'plugins').entries()) {
    const at = `plugins[${i}]`;
    const fields = mapOf(item, at);
    onlyKnown(fields, ['name', 'path', 'configuration'], at);
    const name = textOf(fields['name'], `${at}.name`);
    if (seen.has(name)) throw new Error(`${at}.name: Duplicate value: "${name}"`);
    seen.add(name);
    const reader = readers[name];
    if (reader === undefined)
      throw new Error(
        `${at}.name: Unsupported value: "${name}": takes no configuration here; ${Object.keys(readers).join(', ')} do`,
      );
    const { configuration } = fields;
    const path = textOf(fields['path'], `${at}.path`);
    if (configuration === undefined && path === '') continue;
    try {
      const own = configuration === undefined ? await read(path) : JSON.stringify(configuration);
      settings = { ...settings, ...reader(own) };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`${at} (${name}): ${reason}`, { cause: error });
    }
  }
  return settings;
}

function podSecurityOf(text: string): PodSecuritySettings {
  const root = parseDocument(text, {
    kind: 'PodSecurityConfiguration',
    group: 'pod-security.admission.config.k8s.io',
    versions: ['v1', 'v1beta1', 'v1alpha1'],
  });
  onlyKnown(root, ['apiVersion', 'kind', 'defaults', 'exemptions'], '');
  const defaults = mapOf(root['defaults'] ?? {}, 'defaults');
  const modes = ['enforce', 'audit', 'warn'].flatMap((mode) => [mode, `${mode}-version`]);
  onlyKnown(defaults, modes, 'defaults');
  const texts = Object.fromEntries(
    Object.keys(defaults).map((name) => [name, textOf(defaults[name], `defaults.${name}`)]),
  );
  const labels = Object.fromEntries(
    Object.entries(texts).map(([name, value]) => [labelPrefix + name, value]),
  );
  const [wrong] = labelErrors(labels);
  if (wrong !== undefined)
    throw new Error(`defaults: ${wrong.field.slice(wrong.field.indexOf('/') + 1, -1)}: ${wrong.detail}`);
  const exemptions = mapOf(root['exemptions'] ?? {}, 'exemptions');
  onlyKnown(exemptions, ['usernames', 'namespaces', 'runtimeClasses'], 'exemptions');
  const names = (field: string): ReadonlySet<string> => {
    const at = `exemptions.${field}`;
    return new Set(listOf(exemptions[field], at, maxNames).map((name, i) => nameOf(name, `${at}[${i}]`)));
  };
  return {
    defaults: texts,
    exempt: {
      usernames: names('usernames'),
      namespaces: names('namespaces'),
      runtimeClasses: names('runtimeClasses'),
    },
  };
}

function nameOf(value: unknown, at: string): string {
  const name = textOf(value, at);
  if (name === '') throw new Error(`${at}: Required value`);
  return name;
}

/** A document without a kind, as upstream has it. */
function nodeSelectorsOf(text: string): NodeSelectorSettings {
  const root = mapOf(parse(text), 'the configuration');
  onlyKnown(root, ['podNodeSelectorPluginConfig'], '');
  const at = 'podNodeSelectorPluginConfig';
  const fields = mapOf(root[at] ?? {}, at);
  const selectors = new Map(
    Object.keys(fields).map((name) => [name, textOf(fields[name], `${at}.${name}`)] as const),
  );
  const usual = selectors.get('clusterDefaultNodeSelector') ?? '';
  selectors.delete('clusterDefaultNodeSelector');
  return { usual, allowed: selectors };
}

function tolerationsOf(text: string): TolerationSettings {
  const root = parseDocument(text, {
    kind: 'Configuration',
    group: 'podtolerationrestriction.admission.k8s.io',
    versions: ['v1alpha1'],
  });
  onlyKnown(root, ['apiVersion', 'kind', 'default', 'whitelist'], '');
  const list = (field: string): Toleration[] =>
    listOf(root[field], field, maxNames).map((item, i) =>
      tolerationOf(mapOf(item, `${field}[${i}]`), `${field}[${i}]`),
    );
  return { usual: list('default'), allowed: list('whitelist') };
}

function tolerationOf(fields: Fields, at: string): Toleration {
  onlyKnown(fields, ['key', 'operator', 'value', 'effect', 'tolerationSeconds'], at);
  const { tolerationSeconds: seconds } = fields;
  if (seconds !== undefined && !Number.isInteger(seconds))
    throw new Error(`${at}.tolerationSeconds: Invalid value: must be an integer`);
  for (const name of ['key', 'operator', 'value', 'effect']) textOf(fields[name], `${at}.${name}`);
  return fields;
}

function eventLimitsOf(text: string): readonly EventLimit[] {
  const root = parseDocument(text, {
    kind: 'Configuration',
    group: 'eventratelimit.admission.k8s.io',
    versions: ['v1alpha1'],
  });
  onlyKnown(root, ['apiVersion', 'kind', 'limits'], '');
  const limits = listOf(root['limits'], 'limits');
  if (limits.length === 0) throw new Error('limits: Invalid value: must not be empty');
  const seen = new Set<string>();
  return limits.map((item, i): EventLimit => {
    const at = `limits[${i}]`;
    const fields = mapOf(item, at);
    onlyKnown(fields, ['type', 'qps', 'burst', 'cacheSize'], at);
    const kind = oneOf(fields['type'], `${at}.type`, limitTypes);
    if (seen.has(kind)) throw new Error(`${at}.type: Duplicate value: "${kind}"`);
    seen.add(kind);
    return {
      type: kind,
      qps: positive(fields['qps'], `${at}.qps`),
      burst: positive(fields['burst'], `${at}.burst`),
      cacheSize:
        fields['cacheSize'] === undefined || fields['cacheSize'] === 0
          ? usualCacheSize
          : positive(fields['cacheSize'], `${at}.cacheSize`),
    };
  });
}

function positive(value: unknown, at: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value <= 0)
    throw new Error(`${at}: Invalid value: must be a positive integer`);
  return value;
}
