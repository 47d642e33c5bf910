/**
 * Which resources exist and how each is named, stored and shown. In: `data/resources.json`. Out: `ResourceInfo`,
 * one per group, version and plural. Custom resources join and leave at run time through `Registry.change`; whoever
 * keeps something made from the registry (discovery, OpenAPI) asks for its `generation` or listens.
 */
import table from '../data/resources.json' with { type: 'json' };
import type { CustomKind } from './custom.ts';
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
  readonly description?: string;
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
  /**
   * What OpenAPI publishes of a kind that is in no table: its OpenAPI v3 schema, without apiVersion, kind and
   * metadata, which every kind has. Absent for built-in kinds, whose `schema` says it.
   */
  readonly openApiSchema?: Readonly<Record<string, unknown>> | undefined;
  /** Present for custom resources: what the tables do not say about them. */
  readonly custom?: CustomKind | undefined;
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

/** The kinds that a change of the registry adds or replaces, and those it takes out. */
export interface RegistryChange {
  readonly add?: readonly ResourceInfo[];
  readonly remove?: readonly ResourceInfo[];
}

export class Registry {
  readonly #byResource = new Map<string, ResourceInfo>();
  readonly #byKind = new Map<string, ResourceInfo>();
  readonly #listeners = new Set<(change: Required<RegistryChange>) => void>();
  readonly #builtIn: readonly GroupInfo[];
  #groups: readonly GroupInfo[];
  #all: readonly ResourceInfo[] | undefined;
  #generation = 0;

  /** `groups` are the built-in ones: their order and preferred versions stay whatever joins or leaves. */
  constructor(resources: readonly ResourceInfo[], groups: readonly GroupInfo[]) {
    this.#builtIn = [...groups];
    for (const info of resources) this.#index(info);
    this.#groups = this.#regroup();
  }

  /** Grows with every change: what was made from the registry is as old as the generation it was made at. */
  get generation(): number {
    return this.#generation;
  }

  /** Every resource: the built-in ones in the order of the table, then what joined. */
  all(): readonly ResourceInfo[] {
    return (this.#all ??= [...this.#byResource.values()]);
  }

  lookup(group: string, version: string, resource: string): ResourceInfo | undefined {
    return this.#byResource.get(`${group}/${version}/${resource}`);
  }

  byKind(group: string, version: string, kind: string): ResourceInfo | undefined {
    return this.#byKind.get(`${group}/${version}/${kind}`);
  }

  /** The groups in the order discovery lists them: core first, with the empty name; joined ones last, by name. */
  groups(): readonly GroupInfo[] {
    return this.#groups;
  }

  /** Calls back after every change. Returns the way to stop that. */
  onChange(listener: (change: Required<RegistryChange>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
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
    return new Registry(kept, this.#groups);
  }

  /**
   * Adds or replaces some resources and takes others out, as one step: no reader sees half of it. A resource is the
   * same one when group, version and plural are.
   */
  change({ add = [], remove = [] }: RegistryChange): void {
    for (const info of remove) {
      this.#byResource.delete(resourceKey(info));
      this.#byKind.delete(kindKey(info));
    }
    for (const info of add) {
      const before = this.#byResource.get(resourceKey(info));
      if (before !== undefined) this.#byKind.delete(kindKey(before));
      this.#index(info);
    }
    this.#all = undefined;
    this.#groups = this.#regroup();
    this.#generation++;
    for (const listener of this.#listeners) listener({ add, remove });
  }

  add(info: ResourceInfo): void {
    this.change({ add: [info] });
  }

  remove(info: ResourceInfo): void {
    this.change({ remove: [info] });
  }

  #index(info: ResourceInfo): void {
    this.#byResource.set(resourceKey(info), info);
    this.#byKind.set(kindKey(info), info);
  }

  #regroup(): readonly GroupInfo[] {
    const versions = new Map<string, Set<string>>();
    for (const { group, version } of this.all()) {
      const known = versions.get(group);
      if (known === undefined) versions.set(group, new Set([version]));
      else known.add(version);
    }
    const builtIn = new Map(this.#builtIn.map((known) => [known.group, known]));
    const joined = [...versions.keys()].filter((group) => !builtIn.has(group)).sort();
    return [...builtIn.keys(), ...joined].flatMap((group) => {
      const served = versions.get(group);
      if (served === undefined) return [];
      const { versions: order = [], preferred = '' } = builtIn.get(group) ?? {};
      const others = [...served].filter((version) => !order.includes(version)).sort(compareVersions);
      const all = [...order.filter((version) => served.has(version)), ...others];
      return [{ group, versions: all, preferred: served.has(preferred) ? preferred : (all[0] ?? '') }];
    });
  }
}

function resourceKey(info: ResourceInfo): string {
  return `${info.group}/${info.version}/${info.resource}`;
}

function kindKey(info: ResourceInfo): string {
  return `${info.group}/${info.version}/${info.kind}`;
}

/**
 * The order in which versions of a group are preferred: stable ones before beta before alpha, higher numbers first;
 * names of another form come last, by the alphabet.
 */
export function compareVersions(a: string, b: string): number {
  const left = versionRank(a);
  const right = versionRank(b);
  if (left === undefined || right === undefined) {
    if (left === right) return a < b ? -1 : a > b ? 1 : 0;
    return left === undefined ? 1 : -1;
  }
  for (const [i, rank] of left.entries()) {
    const difference = (right[i] ?? 0) - rank;
    if (difference !== 0) return difference;
  }
  return 0;
}

function versionRank(version: string): readonly number[] | undefined {
  const match = /^v([1-9]\d*)(?:(alpha|beta)([1-9]\d*))?$/.exec(version);
  if (match === null) return undefined;
  const stage = match[2] === undefined ? 2 : match[2] === 'beta' ? 1 : 0;
  return [stage, Number(match[1]), Number(match[3] ?? 0)];
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
