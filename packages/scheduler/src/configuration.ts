/**
 * Reads a KubeSchedulerConfiguration: which profiles there are, and which plugins each runs with which weight.
 *
 * A plugin here is switched on and off as a whole (`multiPoint`), and its score apart from the rest (`score`). What
 * asks for anything finer is refused, for a setting without effect would be worse than none.
 */
import { parseYaml } from '@timonier/api/yaml';
import { readFileSync } from 'node:fs';
import { defaultProfile, loadProfile, type ProfileData, type ProfileEntry } from './profile.ts';

const apiVersion = 'kubescheduler.config.k8s.io/v1';
const kind = 'KubeSchedulerConfiguration';

/** The profiles of a configuration file. Throws an error that names the file and what is wrong in it. */
export function readConfiguration(path: string): ProfileData[] {
  try {
    return profilesOf(parseYaml(readFileSync(path)).value);
  } catch (error) {
    throw new Error(`${path}: ${error instanceof Error ? error.message : 'cannot be read'}`, {
      cause: error,
    });
  }
}

/** The profiles of a configuration; the default one when it names none. */
export function profilesOf(configuration: unknown): ProfileData[] {
  const root = fieldsOf(configuration, 'the configuration');
  if (root['apiVersion'] !== apiVersion || root['kind'] !== kind) {
    throw new Error(`a scheduler is configured by a ${kind} of ${apiVersion}`);
  }
  const profiles = listOf(root['profiles'], 'profiles').map((profile, i) =>
    profileOf(profile, `profiles[${i}]`),
  );
  const names = new Set(profiles.map(({ schedulerName }) => schedulerName));
  if (names.size < profiles.length) throw new Error('two profiles have the same schedulerName');
  return profiles.length === 0 ? [defaultProfile] : profiles;
}

function profileOf(value: unknown, where: string): ProfileData {
  const { schedulerName = 'default-scheduler', plugins = {}, pluginConfig = [] } = fieldsOf(value, where);
  if (typeof schedulerName !== 'string' || schedulerName === '') {
    throw new Error(`${where}.schedulerName is not a name`);
  }
  if (listOf(pluginConfig, `${where}.pluginConfig`).length > 0) {
    throw new Error(`${where}.pluginConfig: no plugin takes arguments`);
  }
  const { multiPoint = {}, score = {}, ...others } = fieldsOf(plugins, `${where}.plugins`);
  const [other] = Object.keys(others);
  if (other !== undefined) {
    throw new Error(`${where}.plugins.${other}: plugins are set by multiPoint, and their weight by score`);
  }
  const whole = switchesOf(multiPoint, `${where}.plugins.multiPoint`);
  const scores = switchesOf(score, `${where}.plugins.score`);
  let entries = defaultProfile.plugins.filter(({ name }) => !whole.isOff(name));
  for (const { name, weight } of whole.on) entries = withWeight(entries, name, weight, true);
  entries = entries.map((entry) => (scores.isOff(entry.name) ? { ...entry, weight: 0 } : entry));
  for (const { name, weight } of scores.on) entries = withWeight(entries, name, weight, false);
  const data: ProfileData = { schedulerName, plugins: entries };
  // Unknown names are found now and not when the first pod comes.
  loadProfile(data);
  return data;
}

/** A plugin not there yet is added at the end, unless only its score was asked for. */
function withWeight(
  entries: readonly ProfileEntry[],
  name: string,
  weight: number | undefined,
  add: boolean,
): ProfileEntry[] {
  const known = entries.some((entry) => entry.name === name);
  if (!known && !add) throw new Error(`plugin ${name} cannot score, for it is not enabled`);
  if (!known) return [...entries, { name, weight: weight ?? 1 }];
  return entries.map((entry) =>
    entry.name === name ? { name, weight: weight ?? Math.max(1, entry.weight) } : entry,
  );
}

function switchesOf(
  value: unknown,
  where: string,
): { on: { name: string; weight: number | undefined }[]; isOff: (name: string) => boolean } {
  const { enabled, disabled } = fieldsOf(value, where);
  const on = listOf(enabled, `${where}.enabled`).map((item, i) => {
    const { name, weight } = fieldsOf(item, `${where}.enabled[${i}]`);
    if (typeof name !== 'string') throw new Error(`${where}.enabled[${i}] needs a name`);
    if (weight === undefined) return { name, weight };
    if (typeof weight !== 'number' || !Number.isInteger(weight) || weight < 1) {
      throw new Error(`${where}.enabled[${i}].weight of ${name} is not a whole number from 1 on`);
    }
    return { name, weight };
  });
  const off = new Set(
    listOf(disabled, `${where}.disabled`).map((item, i) => fieldsOf(item, `${where}.disabled[${i}]`)['name']),
  );
  return { on, isOff: (name) => off.has('*') || off.has(name) };
}

function fieldsOf(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw new Error(`${where} is not an object`);
  return value as Record<string, unknown>;
}

function listOf(value: unknown, where: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new Error(`${where} is not a list`);
  return value;
}
