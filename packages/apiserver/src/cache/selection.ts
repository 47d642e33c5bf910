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
import type { ApiObject } from '@timonier/api/decode';
import { bad } from '../pipeline/query.ts';
import { indexedField, type RequiredValue } from './field-index.ts';
import { wantedOf } from '../storage/json-parts.ts';
import type { AttributeReader, StoredObject } from '../storage/stored-object.ts';

export class Selection {
  /** Keys of the selected objects begin with this. */
  readonly prefix: string;
  readonly #key: string | undefined;
  readonly #labels: readonly LabelRequirement[];
  readonly #fields: readonly FieldRequirement[];
  readonly #attributes: AttributeReader;
  readonly #indexed: string | undefined;

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
      if (error instanceof SelectorError) throw bad(error.message);
      throw error;
    }
    const problem = checkFieldSelector(info, this.#fields);
    if (problem !== undefined) throw bad(problem);
    this.#attributes = attributeReader(info);
    this.#indexed = indexedField(info);
  }

  /** True when every object under the prefix is selected. */
  get isWhole(): boolean {
    return this.#key === undefined && this.#labels.length === 0 && this.#fields.length === 0;
  }

  /** The value that its objects have in the field which the resource is indexed by, where it asks for one. */
  get required(): RequiredValue | undefined {
    const found = this.#fields.find(({ field, equal }) => equal && field === this.#indexed);
    if (found === undefined) return undefined;
    return {
      value: found.value,
      valueOf: (object) => object.attributes(this.#attributes).fields(found.field),
    };
  }

  /** Whether it takes a look into objects to tell which are selected. */
  get readsObjects(): boolean {
    return this.#labels.length > 0 || this.#fields.length > 0;
  }

  /** Reads out of an object what `matches` will look at. */
  read(object: StoredObject): void {
    object.attributes(this.#attributes);
  }

  matches(object: StoredObject): boolean {
    if (!object.key.startsWith(this.prefix)) return false;
    if (this.#key !== undefined && object.key !== this.#key) return false;
    if (this.#labels.length === 0 && this.#fields.length === 0) return true;
    const { labels, fields } = object.attributes(this.#attributes);
    return (
      matchesLabels(this.#labels, labels) &&
      this.#fields.every(({ field, value, equal }) => (fields(field) === value) === equal)
    );
  }
}

const readers = new WeakMap<ResourceInfo, AttributeReader>();

/** Reads labels and every field that the resource can be selected by. */
function attributeReader(info: ResourceInfo): AttributeReader {
  let reader = readers.get(info);
  if (reader === undefined) {
    const names = new Set([
      'metadata.name',
      'metadata.namespace',
      ...info.selectableFields,
      ...Object.keys(info.selectableAliases),
    ]);
    const paths = [...names].flatMap((name) => fieldPaths(info, name));
    reader = {
      wanted: wantedOf([['metadata', 'labels'], ...paths]),
      read(parts) {
        const values = new Map([...names].map((name) => [name, fieldValue(info, parts, name)]));
        const { labels = {} } = (parts['metadata'] ?? {}) as NonNullable<ApiObject['metadata']>;
        return { labels, fields: (name) => values.get(name) ?? '' };
      },
    };
    readers.set(info, reader);
  }
  return reader;
}
