/**
 * Field selectors: `metadata.name=web,status.phase!=Running`. Which fields may be named is part of a resource's
 * description; their values are read from the object.
 */
import { SelectorError } from './label-selector.ts';
import { apiVersionOf, type ResourceInfo } from './registry.ts';

export interface FieldRequirement {
  readonly field: string;
  readonly equal: boolean;
  readonly value: string;
}

/** Splits at unescaped commas. */
function terms(text: string): string[] {
  const out: string[] = [];
  let current = '';
  for (let i = 0; i < text.length; i += 1) {
    const c = text[i] ?? '';
    if (c === '\\') {
      current += c + (text[i + 1] ?? '');
      i += 1;
    } else if (c === ',') {
      out.push(current);
      current = '';
    } else {
      current += c;
    }
  }
  out.push(current);
  return out.filter((term) => term !== '');
}

function unescape(value: string): string {
  return value.replace(/\\(.?)/g, (_, c: string) => {
    if (c !== '\\' && c !== ',' && c !== '=') {
      throw new SelectorError(`invalid field selector: invalid escape sequence: \\${c}`);
    }
    return c;
  });
}

/** Reads a field selector. Throws a `SelectorError` on bad syntax. */
export function parseFieldSelector(text: string): FieldRequirement[] {
  return terms(text).map((term) => {
    const match = /^([^=!\\]*)(!=|==|=)(.*)$/s.exec(term);
    const value = match?.[3] ?? '';
    if (match !== null && /(^|[^\\])(\\\\)*=/.test(value))
      throw new SelectorError('invalid field selector: unescaped character in value: 61');
    if (match === null) {
      throw new SelectorError(`invalid selector: '${text}'; can't understand '${term}'`);
    }
    return { field: match[1] ?? '', equal: match[2] !== '!=', value: unescape(value) };
  });
}

/** Says no, in the usual words, to fields that the resource cannot be selected by. */
export function checkFieldSelector(
  info: ResourceInfo,
  requirements: readonly FieldRequirement[],
): string | undefined {
  for (const { field } of requirements) {
    const allowed =
      field === 'metadata.name' ||
      // Of the built-in kinds those without a namespace that have fields of their own do not know it.
      (field === 'metadata.namespace' && info.custom !== undefined && info.namespaced) ||
      info.selectableFields.includes(field) ||
      Object.hasOwn(info.selectableAliases, field);
    if (allowed) continue;
    const isPlain =
      info.custom === undefined && info.selectableFields.every((name) => name.startsWith('metadata.'));
    if (isPlain)
      return `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`;
    const whose = info.kind === 'ResourceSlice' ? ` for ${apiVersionOf(info)}, Kind=${info.kind}` : '';
    if (info.kind === 'Job') return `field label ${JSON.stringify(field)} not supported for Job`;
    return `field label not supported${whose}: ${field}`;
  }
  return undefined;
}

/** Fields of core events that stand elsewhere when the object is an events.k8s.io one. Same storage, two views. */
const EVENT_FIELDS: ReadonlyMap<string, readonly string[]> = new Map([
  ['source', ['source', 'component']],
  ['reportingController', ['reportingController']],
  ['reportingComponent', ['reportingComponent']],
]);

/** Every path that the value of a selectable field may be read at. */
export function fieldPaths(info: ResourceInfo, field: string): readonly (readonly string[])[] {
  const path = pathOf(info, nameOf(info, field));
  return path[0] === 'source' ? [path, pathOf(info, 'reportingComponent')] : [path];
}

function nameOf(info: ResourceInfo, field: string): string {
  return info.group === '' && Object.hasOwn(info.selectableAliases, field)
    ? (info.selectableAliases[field] ?? field)
    : field;
}

/** Paths by name: each object of a list is asked for the same few, which `checkFieldSelector` has let pass. */
const paths = new WeakMap<ResourceInfo, Map<string, readonly string[]>>();

function pathOf(info: ResourceInfo, name: string): readonly string[] {
  let known = paths.get(info);
  if (known === undefined) paths.set(info, (known = new Map<string, readonly string[]>()));
  let path = known.get(name);
  if (path === undefined) {
    path = (info.kind === 'Event' ? EVENT_FIELDS.get(name) : undefined) ?? name.split('.');
    known.set(name, path);
  }
  return path;
}

/** The text that a selectable field has in an object; missing values read as the empty text, flags as `false`. */
export function fieldValue(info: ResourceInfo, object: unknown, field: string): string {
  const name = nameOf(info, field);
  const path = pathOf(info, name);
  let value: unknown = object;
  for (const part of path) {
    value =
      typeof value === 'object' && value !== null && Object.hasOwn(value, part)
        ? (value as Record<string, unknown>)[part]
        : undefined;
  }
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (name === 'source' && info.group === '') return fieldValue(info, object, 'reportingComponent');
  if (name === 'spec.unschedulable' || name === 'spec.hostNetwork') return 'false';
  if ((name === 'status.replicas' || name === 'status.successful') && value === undefined) return '0';
  return '';
}
