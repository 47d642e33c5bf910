/** Which objects a list or watch is about: namespace, name, labels and fields. */
import type { ResourceInfo } from '@timonier/api';
import {
  checkFieldSelector,
  fieldPaths,
  type FieldRequirement,
  fieldValue,
  parseFieldSelector,
} from '@timonier/api/field-selector';
import {
  type LabelRequirement,
  matchesLabels,
  parseLabelSelector,
  SelectorError,
} from '@timonier/api/label-selector';
import { storageKey } from '@timonier/api';
import { badRequest, StatusError } from '@timonier/api/statuses';
import { indexedField, type IndexedField, indexedValue, type RequiredValue } from './field-index.ts';
import { wantedOf } from '../storage/json-parts.ts';
import type { FieldReader, StoredObject } from '../storage/stored-object.ts';

/** The ways to select objects by what is in them. */
export type SelectedBy = 'labels' | 'fields' | 'index';

export class Selection {
  /** Keys of the selected objects begin with this. */
  readonly prefix: string;
  readonly #key: string | undefined;
  readonly #labels: readonly LabelRequirement[];
  readonly #fields: readonly FieldRequirement[];
  readonly #reader: FieldReader;
  readonly #indexed: IndexedField | undefined;

  constructor(
    info: ResourceInfo,
    root: string,
    options: {
      readonly namespace: string;
      readonly name: string;
      readonly labelSelector: string;
      readonly fieldSelector: string;
    },
  ) {
    const { namespace, name, labelSelector, fieldSelector } = options;
    this.prefix = storageKey(info, namespace, undefined, root);
    this.#key = name === '' ? undefined : storageKey(info, namespace, name, root);
    try {
      this.#labels = parseLabelSelector(labelSelector);
      this.#fields = parseFieldSelector(fieldSelector);
    } catch (error) {
      if (error instanceof SelectorError) throw new StatusError(badRequest(error.message));
      throw error;
    }
    const problem = checkFieldSelector(info, this.#fields);
    if (problem !== undefined) throw new StatusError(badRequest(problem));
    this.#reader = fieldReader(info);
    this.#indexed = indexedField(info);
  }

  /** True when every object under the prefix is selected. */
  get isWhole(): boolean {
    return this.#key === undefined && this.#labels.length === 0 && this.#fields.length === 0;
  }

  /** The value that its objects have in the field which the resource is indexed by, where it asks for one. */
  get required(): RequiredValue | undefined {
    const indexed = this.#indexed;
    if (indexed === undefined) return undefined;
    const found = this.#fields.find(({ field, equal }) => equal && field === indexed.name);
    if (found === undefined) return undefined;
    return { value: found.value, valueOf: (object) => indexedValue(object, indexed) };
  }

  /** What has to be read out of objects to tell which are selected. */
  get reads(): readonly SelectedBy[] {
    // Of those with a value of the index few are left.
    if (this.required !== undefined) return ['index'];
    const all = { labels: this.#labels, fields: this.#fields };
    return (['labels', 'fields'] as const).filter((by) => all[by].length > 0);
  }

  /** Reads out of an object what `matches` will look at. */
  read(by: SelectedBy, object: StoredObject): void {
    if (by === 'labels') object.labels();
    else if (by === 'index') this.required?.valueOf(object);
    else object.fields(this.#reader);
  }

  matches(object: StoredObject): boolean {
    if (!object.key.startsWith(this.prefix)) return false;
    if (this.#key !== undefined && object.key !== this.#key) return false;
    if (this.#labels.length === 0 && this.#fields.length === 0) return true;
    if (this.#labels.length > 0 && !matchesLabels(this.#labels, object.labels())) return false;
    if (this.#fields.length === 0) return true;
    const valueOf = object.fields(this.#reader);
    return this.#fields.every(({ field, value, equal }) => (valueOf(field) === value) === equal);
  }
}

const readers = new WeakMap<ResourceInfo, FieldReader>();

/** Reads every field that the resource can be selected by. */
function fieldReader(info: ResourceInfo): FieldReader {
  let reader = readers.get(info);
  if (reader === undefined) {
    const names = new Set([
      'metadata.name',
      'metadata.namespace',
      ...info.selectableFields,
      ...Object.keys(info.selectableAliases),
    ]);
    reader = {
      wanted: wantedOf([...names].flatMap((name) => fieldPaths(info, name))),
      read: (parts) => (name) => fieldValue(info, parts, name),
    };
    readers.set(info, reader);
  }
  return reader;
}
