/**
 * Objects with one list or map that is as long as asked: the example of the kind, whose own item there is repeated under
 * names that differ. Where the example has none, an item is made of what the schema says must be there. Pure.
 *
 * The same number gives the same name in every list, so that lists that refer to each other do.
 */
import type { Schema } from '@timonier/api/schema';
import type { Place } from './places.ts';

type Tree = Record<string, unknown>;

/** A copy of `example` with about `bytes` of JSON at a place. */
export function lengthened(example: object, root: Schema, place: Place, bytes: number): Tree {
  const object = structuredClone(example) as Tree;
  fill(object, root, place, 0, bytes);
  return object;
}

/** With all places of a kind at once, each of which has its share. */
export function lengthenedEverywhere(
  example: object,
  root: Schema,
  places: readonly Place[],
  bytes: number,
): Tree {
  const object = structuredClone(example) as Tree;
  // Outer lists last: what is inside of one of their items would be repeated with them.
  const outermost = places.filter(
    ({ path }) => !places.some((other) => other.path !== path && isWithin(path, other.path)),
  );
  for (const place of outermost) fill(object, root, place, 0, bytes / outermost.length);
  return object;
}

function isWithin(path: readonly string[], outer: readonly string[]): boolean {
  return outer.length < path.length && outer.every((name, i) => path[i] === name);
}

/** Walks to the place from `node`, making what is missing. */
function fill(node: Tree, schema: Schema, place: Place, depth: number, bytes: number): void {
  const name = place.path[depth] ?? '';
  const field = schema.field(name);
  if (field === undefined)
    throw new Error(`${place.path.join('.')} is not in ${schema.message ?? 'a message'}`);
  node[name] = filled(node[name], field, place, depth + 1, bytes);
}

function filled(value: unknown, schema: Schema, place: Place, depth: number, bytes: number): unknown {
  if (schema === place.schema) return repeated(value, schema, bytes);
  const inner = schema.items ?? schema.values;
  if (schema.kind === 'list' && inner !== undefined) {
    const [first, ...rest] = Array.isArray(value) && value.length > 0 ? (value as unknown[]) : [plain(inner)];
    return [filled(first, inner, place, depth, bytes), ...rest];
  }
  if (schema.kind === 'map' && inner !== undefined) {
    const [key, first] = Object.entries(isTree(value) ? value : {})[0] ?? ['x-0', plain(inner)];
    return { ...(value as Tree), [key]: filled(first, inner, place, depth, bytes) };
  }
  const tree = isTree(value) ? value : (plain(schema) as Tree);
  fill(tree, schema, place, depth, bytes);
  return tree;
}

function repeated(value: unknown, schema: Schema, bytes: number): unknown {
  const inner = schema.items ?? schema.values;
  if (schema.kind === 'map') {
    const sample = isTree(value) ? Object.values(value)[0] : undefined;
    const map: Tree = {};
    for (let i = 0, size = 2; size < bytes; i++) {
      const item = one(sample, inner, i);
      map[keyAt(value, i)] = item;
      size += JSON.stringify(item).length + keyAt(value, i).length + 4;
    }
    return map;
  }
  const sample = Array.isArray(value) ? (value as unknown[])[0] : samples[schema.name];
  const list: unknown[] = [];
  for (let i = 0, size = 2; size < bytes; i++) {
    const item = one(sample, inner, i);
    list.push(item);
    size += JSON.stringify(item).length + 1;
  }
  return list;
}

/** Resources and labels are asked for by names with a domain. */
function keyAt(value: unknown, i: number): string {
  const [sample = ''] = Object.keys(isTree(value) ? value : {});
  return sample.includes('/') ? `example.com/x-${i}` : `x-${i}`;
}

function one(sample: unknown, schema: Schema | undefined, i: number): unknown {
  return distinct(sample === undefined ? plain(schema) : structuredClone(sample), schema, i, '');
}

/** Texts and numbers that may be any are those of the number `i`. */
function distinct(value: unknown, schema: Schema | undefined, i: number, name: string): unknown {
  if (schema?.kind === 'scalar') return scalarAt(value, schema, i, name);
  if (schema?.kind !== 'object' || !isTree(value)) return value;
  for (const [inner, field] of schema.fields) {
    const isKey = identifying.test(inner) || [...schema.fields.keys()].length === 1;
    if (inner in value && isKey) value[inner] = distinct(value[inner], field, i, inner);
  }
  return value;
}

/** What items are told apart by, in the names of the API. */
const identifying =
  /^(?:name|key|type|uid|ip|port|containerPort|hostPort|mountPath|devicePath|topologyKey|resourceName|path|addresses|manager|host|pool|driver|expression|verb|operator|value)$/;

function scalarAt(value: unknown, schema: Schema, i: number, name: string): unknown {
  if (schema.enum !== undefined) return schema.enum[i % schema.enum.length];
  switch (schema.scalar) {
    case 'int32':
    case 'int64':
      return (i % 65_535) + 1;
    case 'string':
      if (name === 'ip' || (typeof value === 'string' && /^\d+\.\d+\.\d+\.\d+(?:\/\d+)?$/.test(value)))
        return `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}${/\/\d+$/.exec(String(value))?.[0] ?? ''}`;
      if (name === 'mountPath' || (typeof value === 'string' && value.startsWith('/'))) return `/x-${i}`;
      if (name === 'operator' || name === 'verb') return value;
      return typeof value === 'string' && value.includes('/') ? `example.com/x-${i}` : `x-${i}`;
    default:
      return value;
  }
}

/** The least that a place may be given. */
function plain(schema: Schema | undefined, depth = 0): unknown {
  switch (schema?.kind) {
    case 'object': {
      if (depth > 3) return {};
      const needed = [...schema.fields].filter(([name, { required }]) => required || identifying.test(name));
      return Object.fromEntries(needed.map(([name, field]) => [name, plain(field, depth + 1)]));
    }
    case 'list':
      return [plain(schema.items, depth + 1)];
    case 'map':
      return { 'x-0': plain(schema.values, depth + 1) };
    case 'raw':
      return {};
    default:
      return plainScalar(schema);
  }
}

const scalars: Readonly<Record<string, unknown>> = {
  bool: true,
  int32: 1,
  int64: 1,
  double: 1,
  intOrString: 1,
  bytes: 'eA==',
  time: '2026-01-02T03:04:05Z',
  microTime: '2026-01-02T03:04:05.000006Z',
  duration: '1s',
  quantity: '1',
};

function plainScalar(schema: Schema | undefined): unknown {
  return scalars[schema?.scalar ?? ''] ?? schema?.enum?.[0] ?? 'x';
}

/** What an item must look like where neither the example nor the schema says so. */
const samples: Readonly<Record<string, unknown>> = {
  finalizers: 'example.com/x',
  podCIDRs: '10.0.0.0/24',
  managedFields: {
    manager: 'x',
    operation: 'Update',
    apiVersion: 'v1',
    time: '2026-01-02T03:04:05Z',
    fieldsType: 'FieldsV1',
    fieldsV1: { 'f:metadata': { 'f:labels': { 'f:changed': {} } } },
  },
};

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
