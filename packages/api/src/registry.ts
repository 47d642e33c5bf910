/**
 * Which resources exist and how each is named, stored and shown. In: `data/resources.json`. Out: `ResourceInfo`,
 * one per group, version and plural. Custom resources join the same way through `Registry.add`.
 */
import table from '../data/resources.json' with { type: 'json' };
import { messageSchema, type Schema } from './schema.ts';

export interface Subresource {
  readonly name: string;
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly verbs: readonly string[];
}

export interface ColumnDefinition {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  /** 0 is always shown, above that only by a wide listing. */
  readonly priority: number;
}

export interface ResourceInfo {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** Plural, as in the URL. */
  readonly resource: string;
  readonly singular: string;
  readonly kind: string;
  readonly listKind: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly string[];
  readonly subresources: readonly Subresource[];
  /** The part of the store's key after `/registry/`; undefined for kinds that are never stored, such as reviews. */
  readonly storagePrefix: string | undefined;
  /** `apiVersion` of the stored form. */
  readonly storageVersion: string | undefined;
  readonly storageVersionHash: string | undefined;
  readonly columns: readonly ColumnDefinition[];
  /** Fields that a field selector may name. */
  readonly selectableFields: readonly string[];
  /** Other spellings of selectable fields. */
  readonly selectableAliases: Readonly<Record<string, string>>;
  readonly hasStatus: boolean;
  readonly hasScale: boolean;
  /** Whether `metadata.generation` counts changes of the spec. */
  readonly hasGeneration: boolean;
  readonly schema: Schema;
}

export interface GroupInfo {
  readonly group: string;
  readonly preferred: string;
  readonly versions: readonly string[];
}

interface Row {
  group: string;
  version: string;
  resource: string;
  singular: string;
  kind: string;
  namespaced: boolean;
  shortNames: string[];
  categories: string[];
  verbs: string[];
  subresources: Subresource[];
  message: string;
  storagePrefix?: string;
  storageVersion?: string;
  storageVersionHash?: string;
  columns?: ColumnDefinition[];
  selectableFields: string[];
  selectableAliases?: Record<string, string>;
  hasStatus: boolean;
  hasScale: boolean;
  hasGeneration: boolean;
}

/** What a kind without columns of its own shows. */
const PLAIN_COLUMNS: readonly ColumnDefinition[] = [
  { name: 'Name', type: 'string', format: 'name', priority: 0 },
  { name: 'Created At', type: 'date', format: '', priority: 0 },
];

function infoOf(row: Row): ResourceInfo {
  const { message, ...rest } = row;
  return {
    ...rest,
    listKind: `${row.kind}List`,
    storagePrefix: row.storagePrefix,
    storageVersion: row.storageVersion,
    storageVersionHash: row.storageVersionHash,
    columns: row.columns ?? PLAIN_COLUMNS,
    selectableAliases: row.selectableAliases ?? {},
    get schema(): Schema {
      return messageSchema(message);
    },
  };
}

/** `v1` for the core group, else `group/version`. */
export function apiVersionOf(type: { readonly group: string; readonly version: string }): string {
  return type.group === '' ? type.version : `${type.group}/${type.version}`;
}

/** The two parts of an `apiVersion`; undefined when it has more than one slash. */
export function splitApiVersion(apiVersion: string): { group: string; version: string } | undefined {
  const parts = apiVersion.split('/');
  if (parts.length > 2 || apiVersion === '') return undefined;
  return parts.length === 1
    ? { group: '', version: apiVersion }
    : { group: parts[0] ?? '', version: parts[1] ?? '' };
}

export class Registry {
  readonly #byResource = new Map<string, ResourceInfo>();
  readonly #byKind = new Map<string, ResourceInfo>();
  readonly #groups: GroupInfo[];

  constructor(resources: readonly ResourceInfo[], groups: readonly GroupInfo[]) {
    this.#groups = [...groups];
    for (const info of resources) this.#index(info);
  }

  #index(info: ResourceInfo): void {
    this.#byResource.set(`${info.group}/${info.version}/${info.resource}`, info);
    this.#byKind.set(`${info.group}/${info.version}/${info.kind}`, info);
  }

  /** Every resource, in the order of the table: by group priority, then by name. */
  all(): readonly ResourceInfo[] {
    return [...this.#byResource.values()];
  }

  lookup(group: string, version: string, resource: string): ResourceInfo | undefined {
    return this.#byResource.get(`${group}/${version}/${resource}`);
  }

  byKind(group: string, version: string, kind: string): ResourceInfo | undefined {
    return this.#byKind.get(`${group}/${version}/${kind}`);
  }

  /** The groups in the order discovery lists them; core is the first, with the empty name. */
  groups(): readonly GroupInfo[] {
    return this.#groups;
  }

  /** A new registry of only those resources and subresources that are wanted; order and groups stay. */
  subset(
    wanted: (info: ResourceInfo) => boolean,
    wantedSubresource: (info: ResourceInfo, subresource: Subresource) => boolean = () => true,
  ): Registry {
    const kept = this.all()
      .filter(wanted)
      .map((info) => ({
        ...info,
        subresources: info.subresources.filter((sub) => wantedSubresource(info, sub)),
        get schema(): Schema {
          return info.schema;
        },
      }));
    const groups = this.#groups
      .map(({ group, preferred, versions }) => {
        const left = versions.filter((v) => kept.some((r) => r.group === group && r.version === v));
        return { group, preferred: left.includes(preferred) ? preferred : (left[0] ?? ''), versions: left };
      })
      .filter(({ versions }) => versions.length > 0);
    return new Registry(kept, groups);
  }

  /** Adds or replaces a resource, as a custom resource definition does. */
  add(info: ResourceInfo): void {
    this.#index(info);
    const at = this.#groups.findIndex((g) => g.group === info.group);
    const known = this.#groups[at];
    if (known === undefined) {
      this.#groups.push({ group: info.group, preferred: info.version, versions: [info.version] });
    } else if (!known.versions.includes(info.version)) {
      this.#groups[at] = { ...known, versions: [...known.versions, info.version] };
    }
  }

  /** Takes a resource out again. */
  remove(info: ResourceInfo): void {
    this.#byResource.delete(`${info.group}/${info.version}/${info.resource}`);
    this.#byKind.delete(`${info.group}/${info.version}/${info.kind}`);
    const left = this.all().filter((r) => r.group === info.group);
    const at = this.#groups.findIndex((g) => g.group === info.group);
    const known = this.#groups[at];
    if (known === undefined) return;
    const versions = known.versions.filter((v) => left.some((r) => r.version === v));
    if (versions.length === 0) this.#groups.splice(at, 1);
    else
      this.#groups[at] = {
        group: known.group,
        preferred: versions.includes(known.preferred) ? known.preferred : (versions[0] ?? ''),
        versions,
      };
  }
}

/** A registry of the built-in kinds; each call gives a fresh one, so that added kinds stay where they were added. */
export function createRegistry(): Registry {
  const rows = (table as unknown as { resources: Row[] }).resources;
  return new Registry(rows.map(infoOf), table.groups);
}

/** The built-in kinds. */
export const registry: Registry = createRegistry();

/** The store's key of an object, or of a whole collection when `name` is left out (then it ends in a slash). */
export function storageKey(
  info: ResourceInfo,
  namespace: string | undefined,
  name?: string,
  root = '/registry/',
): string {
  if (info.storagePrefix === undefined) throw new Error(`${info.resource} are not stored`);
  let key = `${root}${info.storagePrefix}/`;
  if (info.namespaced && namespace !== undefined && namespace !== '') key += `${namespace}/`;
  return name === undefined ? key : key + name;
}
