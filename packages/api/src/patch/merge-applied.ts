/** How an applied configuration merges into a live object: by field, by item, or as one piece. Pure. */
import { itemElement, shapeOf } from './structured-merge.ts';
import { isObject, jsonEqual, type JsonValue, member, setKey, type Structure } from './structure.ts';

/** The live value with the configuration laid over it; where that changes nothing, the live value itself. Neither is changed. */
export function mergeApplied(
  live: JsonValue | undefined,
  config: JsonValue,
  structure: Structure | undefined,
): JsonValue {
  // A null has no fields and no items, so that what merges by them stays.
  if (config === null && live !== undefined && shapeOf(structure, live) !== 'leaf') return live;
  const shape = shapeOf(structure, config);
  if (live === undefined || live === null || shape === 'leaf' || shapeOf(structure, live) !== shape)
    return live !== undefined && jsonEqual(live, config) ? live : config;
  if (shape === 'object' && isObject(live) && isObject(config)) {
    let result = live;
    for (const key of Object.keys(config)) {
      const before = Object.hasOwn(live, key) ? live[key] : undefined;
      const part = mergeApplied(before, config[key] as JsonValue, member(structure, key));
      if (part === before) continue;
      if (result === live) result = { ...live };
      setKey(result, key, part);
    }
    return result;
  }
  const items = mergeLists(live as JsonValue[], config as JsonValue[], structure);
  return areSame(items, live as JsonValue[]) ? live : items;
}

function areSame(items: readonly JsonValue[], others: readonly JsonValue[]): boolean {
  return items.length === others.length && items.every((item, i) => item === others[i]);
}

/**
 * Items merge by key, in the configuration's order. Items that only the live list has keep their place before what the
 * configuration brings: they come as soon as it is their turn there.
 */
function mergeLists(
  live: readonly JsonValue[],
  config: readonly JsonValue[],
  structure: Structure | undefined,
): JsonValue[] {
  const liveKeys = live.map((item) => itemElement(structure, item));
  const configKeys = config.map((item) => itemElement(structure, item));
  const liveByKey = new Map<string, JsonValue>();
  // Of doubled items none is merged with what is configured: that replaces them all.
  for (const [i, key] of liveKeys.entries())
    liveByKey.set(key, liveByKey.has(key) ? null : (live[i] ?? null));
  const configured = new Set(configKeys);
  const shared = configKeys.filter((key) => liveByKey.has(key));
  const merged = new Set<string>();
  const result: JsonValue[] = [];
  let [fromLive, fromConfig, nextShared] = [0, 0, 0];
  while (fromLive < live.length || fromConfig < config.length) {
    const liveKey = liveKeys[fromLive];
    const key = configKeys[fromConfig];
    if (liveKey !== undefined && liveKey !== key) {
      if (!configured.has(liveKey)) {
        result.push(live[fromLive++] ?? null);
        continue;
      }
      // It comes where the configuration has it.
      if (key !== undefined && nextShared < shared.length && liveKey !== shared[nextShared]) {
        fromLive++;
        continue;
      }
      if (merged.has(liveKey)) fromLive++;
    }
    if (key === undefined) continue;
    if (liveKey === key) fromLive++;
    if (key === shared[nextShared]) nextShared++;
    merged.add(key);
    result.push(mergeApplied(liveByKey.get(key), config[fromConfig++] ?? null, structure?.items));
  }
  return result;
}
