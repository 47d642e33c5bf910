/**
 * The shape of every message as a walkable tree. In: `data/schema.json` and `data/enums.json`. Out: `Schema` nodes,
 * built on first use and shared afterwards. A node describes one place: a field (with the markers of that field),
 * an element of a list, a value of a map, or a whole message. Fields of inlined messages stand in their parent, as
 * in JSON; only `wire` shows how protobuf nests them. Invariant: nodes are immutable, and the same message always
 * gives the same node.
 */
import enumTable from '../data/enums.json' with { type: 'json' };
import schemaTable from '../data/schema.json' with { type: 'json' };

export type SchemaKind =
  | 'object'
  | 'list'
  | 'map'
  | 'scalar'
  /** Any JSON value, kept verbatim. */
  | 'raw';

/** `time`, `microTime`, `duration`, `quantity` and `groupVersion` are strings in JSON, `bytes` is base64. */
export type ScalarType =
  | 'string'
  | 'bool'
  | 'int32'
  | 'int64'
  | 'double'
  | 'bytes'
  | 'time'
  | 'microTime'
  | 'duration'
  | 'quantity'
  | 'intOrString'
  | 'groupVersion';

/** Messages whose JSON differs from their protobuf shape in a way only the codec cares about. */
export type WireForm = 'stringList' | 'schemaOrArray' | 'schemaOrBool' | 'schemaOrStrings';

export interface Schema {
  readonly kind: SchemaKind;
  /** The field's JSON name; empty for elements, values and whole messages. */
  readonly name: string;
  /** The field's protobuf number; 0 where there is none (`apiVersion`, `kind`, elements). */
  readonly number: number;
  /** The message's name, such as `io.k8s.api.core.v1.Pod`; of an element's message it stands on the element. */
  readonly message?: string | undefined;
  /** Set when `kind` is `scalar`. */
  readonly scalar?: ScalarType | undefined;
  readonly form?: WireForm | undefined;
  /** True for messages that carry `apiVersion` and `kind`. */
  readonly typeMeta: boolean;
  /** An object's fields in their usual order, inlined ones included; empty for other kinds. */
  readonly fields: ReadonlyMap<string, Schema>;
  field(name: string): Schema | undefined;
  /** A list's element. */
  readonly items?: Schema | undefined;
  /** A map's value. Keys are always strings. */
  readonly values?: Schema | undefined;
  readonly listType?: 'atomic' | 'set' | 'map' | undefined;
  readonly listMapKeys: readonly string[];
  readonly mapType?: 'atomic' | 'granular' | undefined;
  readonly structType?: 'atomic' | 'granular' | undefined;
  readonly patchStrategy: readonly string[];
  readonly patchMergeKey?: string | undefined;
  readonly required: boolean;
  readonly default?: unknown;
  /** Whether "set to the zero value" and "not set" differ. */
  readonly pointer: boolean;
  /** When JSON output leaves the field out: `never`, when `empty` (zero scalar, empty list or map), or at any `zero`. */
  readonly omit: 'never' | 'empty' | 'zero';
  /** The allowed values, where the set is closed. */
  readonly enum?: readonly string[] | undefined;
  /** What that set is called, such as `io.k8s.api.core.v1.Protocol`. */
  readonly enumName?: string | undefined;
  /** Set while the field is behind a feature gate. */
  readonly stage?: 'alpha' | 'beta' | undefined;
  /** True for a field whose message's fields stand in the parent; appears in `wire` only. */
  readonly inline: boolean;
  /** An object's fields as protobuf has them, by ascending number, inlined messages not resolved. */
  readonly wire: readonly Schema[];
}

interface FieldEntry {
  num: number;
  type: string;
  card?: 'list' | 'map';
  pointer?: boolean;
  omit?: 'empty' | 'zero';
  required?: boolean;
  inline?: boolean;
  enum?: string;
  default?: unknown;
  listType?: 'atomic' | 'set' | 'map';
  listMapKeys?: string[];
  patchStrategy?: string[];
  patchMergeKey?: string;
  mapType?: 'atomic' | 'granular';
  structType?: 'atomic' | 'granular';
  stage?: 'alpha' | 'beta';
}
interface MessageEntry {
  typeMeta?: boolean;
  form?: string;
  structType?: 'atomic' | 'granular';
  fields: Record<string, FieldEntry>;
}

const messages = schemaTable as unknown as Record<string, MessageEntry>;
const enums = enumTable as Record<string, string[]>;

const SCALAR_NAMES: ReadonlySet<string> = new Set(['string', 'bool', 'int32', 'int64', 'double', 'bytes']);
const SCALAR_FORMS: ReadonlySet<string> = new Set([
  'time',
  'microTime',
  'duration',
  'quantity',
  'intOrString',
  'groupVersion',
]);
const NO_FIELDS: ReadonlyMap<string, Schema> = new Map();
const NONE: readonly never[] = [];
const EMPTY_FIELD: FieldEntry = { num: 0, type: 'string' };

class Node implements Schema {
  readonly kind: SchemaKind;
  readonly name: string;
  readonly number: number;
  readonly message: string | undefined;
  readonly scalar: ScalarType | undefined;
  readonly form: WireForm | undefined;
  readonly typeMeta: boolean;
  readonly listType: 'atomic' | 'set' | 'map' | undefined;
  readonly listMapKeys: readonly string[];
  readonly mapType: 'atomic' | 'granular' | undefined;
  readonly structType: 'atomic' | 'granular' | undefined;
  readonly patchStrategy: readonly string[];
  readonly patchMergeKey: string | undefined;
  readonly required: boolean;
  readonly default: unknown;
  readonly pointer: boolean;
  readonly omit: 'never' | 'empty' | 'zero';
  readonly enum: readonly string[] | undefined;
  readonly enumName: string | undefined;
  readonly stage: 'alpha' | 'beta' | undefined;
  readonly inline: boolean;
  readonly #element: FieldEntry;
  #items: Schema | undefined;
  #fields: ReadonlyMap<string, Schema> | undefined;
  #wire: readonly Schema[] | undefined;

  constructor(name: string, field: FieldEntry) {
    const entry = field.card === undefined ? messages[field.type] : undefined;
    if (field.card === undefined && entry === undefined && !SCALAR_NAMES.has(field.type)) {
      throw new Error(`no message named ${field.type}`);
    }
    this.name = name;
    this.number = field.num;
    this.message = entry === undefined ? undefined : field.type;
    this.typeMeta = entry?.typeMeta === true;
    this.listType = field.listType;
    this.listMapKeys = field.listMapKeys ?? NONE;
    this.mapType = field.mapType;
    this.structType = field.structType ?? entry?.structType;
    this.patchStrategy = field.patchStrategy ?? NONE;
    this.patchMergeKey = field.patchMergeKey;
    this.required = field.required === true;
    this.default = field.default;
    this.pointer = field.pointer === true;
    this.omit = field.omit ?? 'never';
    this.enum = field.enum === undefined ? undefined : enums[field.enum];
    this.enumName = field.enum;
    this.stage = field.stage;
    this.inline = field.inline === true;
    this.#element = { num: 0, type: field.type, ...(field.enum === undefined ? {} : { enum: field.enum }) };
    if (field.card !== undefined) {
      this.kind = field.card;
    } else if (entry === undefined) {
      this.kind = 'scalar';
      this.scalar = field.type as ScalarType;
    } else if (entry.form === undefined) {
      this.kind = 'object';
    } else if (SCALAR_FORMS.has(entry.form)) {
      this.kind = 'scalar';
      this.scalar = entry.form as ScalarType;
    } else if (entry.form === 'stringList') {
      this.kind = 'list';
      this.form = 'stringList';
      this.#element = { num: 0, type: 'string' };
    } else {
      this.kind = 'raw';
      if (entry.form !== 'raw') this.form = entry.form as WireForm;
    }
  }

  get items(): Schema | undefined {
    return this.kind === 'list' ? (this.#items ??= elementNode(this.#element)) : undefined;
  }

  get values(): Schema | undefined {
    return this.kind === 'map' ? (this.#items ??= elementNode(this.#element)) : undefined;
  }

  get fields(): ReadonlyMap<string, Schema> {
    if (this.kind !== 'object') return NO_FIELDS;
    return (this.#fields ??=
      this.number === 0 && this.name === '' ? this.#resolve() : messageSchema(this.message ?? '').fields);
  }

  field(name: string): Schema | undefined {
    return this.fields.get(name);
  }

  get wire(): readonly Schema[] {
    const entry = this.message === undefined ? undefined : messages[this.message];
    return (this.#wire ??= Object.entries(entry?.fields ?? {})
      .map(([name, field]) => new Node(name, field))
      .sort((a, b) => a.number - b.number));
  }

  #resolve(): ReadonlyMap<string, Schema> {
    const entry = messages[this.message ?? ''];
    const out = new Map<string, Schema>();
    if (this.typeMeta) {
      out.set('kind', new Node('kind', { ...EMPTY_FIELD, omit: 'empty' }));
      out.set('apiVersion', new Node('apiVersion', { ...EMPTY_FIELD, omit: 'empty' }));
    }
    for (const [name, field] of Object.entries(entry?.fields ?? {})) {
      if (field.inline === true) {
        for (const [inner, schema] of messageSchema(field.type).fields) out.set(inner, schema);
      } else {
        out.set(name, new Node(name, field));
      }
    }
    return out;
  }
}

const cache = new Map<string, Schema>();

function elementNode(element: FieldEntry): Schema {
  if (messages[element.type] !== undefined) return messageSchema(element.type);
  return new Node('', element);
}

/** The schema of a whole message by its public name, such as `io.k8s.api.core.v1.Pod`. Throws on an unknown name. */
export function messageSchema(name: string): Schema {
  let found = cache.get(name);
  if (found === undefined) {
    found = new Node('', { num: 0, type: name });
    if (found.message === undefined) throw new Error(`no message named ${name}`);
    cache.set(name, found);
  }
  return found;
}

/** The names of all messages of the table. */
export function messageNames(): readonly string[] {
  return Object.keys(messages);
}
