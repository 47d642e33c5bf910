/**
 * Server-side apply by `kubectl` on an object that it applied from the client before. What the annotation of that time
 * still says is kubectl's, whoever wrote it: such fields are no conflict, and the annotation is brought up to date, so
 * that both ways of applying can follow each other. Other managers get none of this, as upstream.
 */
import { JsonError, parseJson } from '../json.ts';
import { difference, FieldSet } from './field-set.ts';
import { ApplyConflictError, applyConfiguration, type ManagementContext } from './managed-fields.ts';
import { compare, fieldsOf } from './structured-merge.ts';
import { isObject, type JsonObject, type JsonValue } from './structure.ts';

export const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration';
const manager = 'kubectl';
/** Bytes of all annotations of an object together; one that would not fit is left out. */
const maxAnnotations = 256 * 1024;

/**
 * The outcome of applying `config` to `live`; the annotation says what was `sent`, which may not name the namespace. Throws an
 * `ApplyConflictError`.
 */
export function applyWithHistory(
  live: JsonObject | undefined,
  config: JsonObject,
  context: ManagementContext,
  force: boolean,
  sent: JsonObject = config,
): JsonObject {
  const last = annotationsOf(live ?? {})[lastAppliedAnnotation];
  if (live === undefined || context.manager !== manager || typeof last !== 'string' || last === '')
    return applyConfiguration(live, config, context, force);
  return withAnnotation(applyOver(live, last, config, context, force), sent);
}

function applyOver(
  live: JsonObject,
  last: string,
  config: JsonObject,
  context: ManagementContext,
  force: boolean,
): JsonObject {
  try {
    return applyConfiguration(live, config, context, force);
  } catch (error) {
    if (!(error instanceof ApplyConflictError)) throw error;
    const own = stillAsApplied(last, live, context);
    const others = error.conflicts.filter(({ path }) => !own.has(path));
    if (others.length > 0) throw new ApplyConflictError(others);
    return applyConfiguration(live, config, context, true);
  }
}

/** The fields that are as an annotation says; none when it cannot be read, or is of another version. */
function stillAsApplied(text: string, live: JsonObject, context: ManagementContext): FieldSet {
  let applied: JsonValue;
  try {
    applied = parseJson(text).value as JsonValue;
  } catch (error) {
    // It was written by whoever may write the object.
    if (error instanceof JsonError) return new FieldSet();
    throw error;
  }
  if (!isObject(applied) || applied['apiVersion'] !== context.apiVersion) return new FieldSet();
  const fields = fieldsOf(applied, context.structure);
  const { added, modified, removed } = compare(applied, live, context.structure);
  return difference(difference(difference(fields, modified), added), removed);
}

function withAnnotation(object: JsonObject, config: JsonObject): JsonObject {
  const { [lastAppliedAnnotation]: _last, ...others } = annotationsOf(object);
  const { managedFields: _managed, ...metadata } = isObject(config['metadata']) ? config['metadata'] : {};
  const { [lastAppliedAnnotation]: _given, ...annotations } = annotationsOf(config);
  const isAnnotated = Object.keys(annotations).length > 0 || _given !== undefined;
  const { annotations: _annotations, ...unannotated } = metadata;
  const applied = { ...config, metadata: isAnnotated ? { ...metadata, annotations } : unannotated };
  const all: JsonObject = { ...others, [lastAppliedAnnotation]: `${JSON.stringify(sorted(applied))}\n` };
  let size = 0;
  for (const [key, value] of Object.entries(all))
    size += Buffer.byteLength(key) + Buffer.byteLength(typeof value === 'string' ? value : '');
  const kept = size > maxAnnotations ? others : all;
  return { ...object, metadata: { ...(object['metadata'] as JsonObject), annotations: kept } };
}

/** With keys in order, as kubectl writes it. */
function sorted(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  const keys = Object.keys(value).sort();
  return Object.fromEntries(keys.map((key) => [key, sorted(value[key] as JsonValue)]));
}

function annotationsOf(object: JsonObject): JsonObject {
  const metadata = object['metadata'];
  const annotations = isObject(metadata) ? metadata['annotations'] : undefined;
  return isObject(annotations) ? annotations : {};
}
