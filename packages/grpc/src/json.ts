/**
 * The JSON form of protobuf messages, as Go's JSON gateway to gRPC writes and reads it: fields under the names of the
 * `.proto` file (those in camelCase are read too), 64-bit integers as strings, `bytes` in base64, enumerations by name,
 * and nothing for a field that has its default.
 *
 * What is read becomes an object for the message's codec; whatever a message does not have is ignored. Errors say
 * what was wrong in the words that Go's decoder uses, since its clients know them.
 */
import protobuf from 'protobufjs';
import { GrpcError, Status } from './error.ts';
import { loadRoot } from './proto.ts';

export interface JsonForm {
  /** A message object from a parsed JSON value. Throws INVALID_ARGUMENT when it is none. */
  read(value: unknown): Record<string, unknown>;
  /** JSON text of a message object. */
  write(message: object): string;
}

type Loose = Record<string, unknown>;

interface FieldForm {
  readonly name: string;
  /** As objects have it. */
  readonly property: string;
  readonly repeated: boolean;
  /** Written even when it has its default: a member of a `oneof` that was set. */
  readonly presence: boolean;
  readonly read: (value: unknown) => unknown;
  readonly write: (value: unknown) => string | undefined;
}

interface MessageForm {
  fields: FieldForm[];
  byName: Map<string, FieldForm>;
}

const forms = new Map<protobuf.Type, MessageForm>();
const maxDepth = 100;

/** The JSON form of one message type, such as `loadJson('etcd/rpc.proto', 'etcdserverpb.PutRequest')`. */
export function loadJson(protoPath: string, typeName: string): JsonForm {
  const form = formOf(loadRoot(protoPath, { originalNames: true }).lookupType(typeName));
  return {
    read: (value) => readMessage(form, value, 0),
    write: (message) => writeMessage(form, message as Loose),
  };
}

export interface JsonMethod {
  readonly request: JsonForm;
  readonly response: JsonForm;
}

/** The JSON forms of a service's methods, by method name in lower camel case. */
export function loadServiceJson(protoPath: string, serviceName: string): ReadonlyMap<string, JsonMethod> {
  const service = loadRoot(protoPath, { originalNames: true }).lookupService(serviceName);
  const form = (type: string): JsonForm => loadJson(protoPath, service.lookupType(type).fullName.slice(1));
  return new Map(
    service.methodsArray.map((method) => [
      method.name.charAt(0).toLowerCase() + method.name.slice(1),
      { request: form(method.requestType), response: form(method.responseType) },
    ]),
  );
}

function formOf(type: protobuf.Type): MessageForm {
  const known = forms.get(type);
  if (known !== undefined) return known;
  // Registered before its fields are looked at: message types may contain themselves.
  const form: MessageForm = { fields: [], byName: new Map() };
  forms.set(type, form);
  for (const field of type.fieldsArray) {
    const fieldForm = formOfField(field.resolve());
    form.fields.push(fieldForm);
    form.byName.set(fieldForm.name, fieldForm);
    form.byName.set(fieldForm.property, fieldForm);
  }
  return form;
}

function formOfField(field: protobuf.Field): FieldForm {
  if (field instanceof protobuf.MapField)
    throw new TypeError(`${field.fullName}: maps have no JSON form here`);
  const { name, repeated } = field;
  return {
    name,
    property: protobuf.util.camelCase(name),
    repeated,
    presence: field.partOf !== null,
    ...valueForm(field),
  };
}

function valueForm(field: protobuf.Field): Pick<FieldForm, 'read' | 'write'> {
  const { resolvedType } = field;
  if (resolvedType instanceof protobuf.Type) {
    const form = formOf(resolvedType);
    return {
      read: (value) => readMessage(form, value, 1),
      write: (value) => writeMessage(form, value as Loose),
    };
  }
  if (resolvedType instanceof protobuf.Enum) return enumForm(resolvedType);
  switch (field.type) {
    case 'bytes':
      return { read: readBytes, write: (value) => JSON.stringify((value as Buffer).toString('base64')) };
    case 'string':
      return { read: readString, write: (value) => goString(value as string) };
    case 'bool':
      return { read: readBoolean, write: String };
    case 'int64':
    case 'sint64':
    case 'sfixed64':
      return {
        read: readInteger(64, true),
        write: (value) => `"${BigInt.asIntN(64, BigInt(value as bigint | number | string))}"`,
      };
    case 'uint64':
    case 'fixed64':
      return {
        read: readInteger(64, false),
        write: (value) => `"${BigInt.asUintN(64, BigInt(value as bigint | number | string))}"`,
      };
    case 'uint32':
    case 'fixed32':
      return { read: readInteger(32, false), write: (value) => String((value as number) >>> 0) };
    case 'int32':
    case 'sint32':
    case 'sfixed32':
      return { read: readInteger(32, true), write: String };
    default:
      return { read: readFloat, write: String };
  }
}

function enumForm(type: protobuf.Enum): Pick<FieldForm, 'read' | 'write'> {
  const goName = type.fullName.slice(1).replace(/\.([^.]+)\.([^.]+)$/, '.$1_$2');
  return {
    read: (value) => {
      if (typeof value === 'number') return value;
      const number = typeof value === 'string' ? type.values[value] : undefined;
      if (number === undefined) throw invalid(`unknown value ${JSON.stringify(value)} for enum ${goName}`);
      return number;
    },
    write: (value) => {
      const name = type.valuesById[value as number];
      return name === undefined ? String(value) : JSON.stringify(name);
    },
  };
}

// Reading

function invalid(message: string): GrpcError {
  return new GrpcError(Status.INVALID_ARGUMENT, message);
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return typeof value;
}

function mismatch(value: unknown, goType: string): GrpcError {
  return invalid(`json: cannot unmarshal ${kindOf(value)} into Go value of type ${goType}`);
}

function readMessage(form: MessageForm, value: unknown, depth: number): Loose {
  const message: Loose = {};
  if (value === null) return message;
  if (typeof value !== 'object' || Array.isArray(value)) throw mismatch(value, 'map[string]json.RawMessage');
  if (depth > maxDepth) throw invalid('exceeded max depth');
  for (const [name, given] of Object.entries(value)) {
    const field = form.byName.get(name);
    if (field === undefined || given === null) continue;
    if (!field.repeated) message[field.property] = field.read(given);
    else if (Array.isArray(given)) message[field.property] = given.map((each) => field.read(each));
    else throw mismatch(given, '[]json.RawMessage');
  }
  return message;
}

function readBytes(value: unknown): Buffer {
  if (typeof value !== 'string') throw mismatch(value, '[]uint8');
  const text = value.replace(/[\r\n]/g, '');
  const bad = /[^A-Za-z0-9+/=]/.exec(text)?.index;
  if (bad !== undefined) throw invalid(`illegal base64 data at input byte ${bad}`);
  const padding = /={1,2}$/.exec(text)?.[0].length ?? 0;
  const body = text.slice(0, text.length - padding);
  if (body.includes('=')) throw invalid(`illegal base64 data at input byte ${body.indexOf('=')}`);
  if (text.length % 4 !== 0)
    throw invalid(`illegal base64 data at input byte ${text.length - (text.length % 4)}`);
  return Buffer.from(text, 'base64');
}

function readString(value: unknown): string {
  if (typeof value !== 'string') throw mismatch(value, 'string');
  return value;
}

function readBoolean(value: unknown): boolean {
  if (typeof value !== 'boolean') throw mismatch(value, 'bool');
  return value;
}

function readInteger(bits: 32 | 64, signed: boolean): (value: unknown) => unknown {
  const goType = `${signed ? 'int' : 'uint'}${bits}`;
  const [min, max] = signed
    ? [-(1n << BigInt(bits - 1)), (1n << BigInt(bits - 1)) - 1n]
    : [0n, (1n << BigInt(bits)) - 1n];
  return (value) => {
    if (typeof value !== 'number' && typeof value !== 'string') throw mismatch(value, goType);
    const text = String(value);
    const bad = /[^-+.eE0-9]/.exec(text)?.[0];
    if (text === '' || bad !== undefined)
      throw invalid(
        bad === undefined
          ? 'unexpected end of JSON input'
          : `invalid character '${bad}' looking for beginning of value`,
      );
    if (!/^-?\d+$/.test(text))
      throw invalid(`json: cannot unmarshal number ${text} into Go value of type ${goType}`);
    const integer = BigInt(text);
    if (integer < min || integer > max)
      throw invalid(`json: cannot unmarshal number ${text} into Go value of type ${goType}`);
    return bits === 32 ? Number(integer) : integer;
  };
}

function readFloat(value: unknown): number {
  const number = typeof value === 'string' && value !== '' ? Number(value) : value;
  if (typeof number !== 'number') throw mismatch(value, 'float64');
  return number;
}

// Writing

function isDefault(value: unknown): boolean {
  return (
    value === 0 ||
    value === 0n ||
    value === false ||
    value === '' ||
    (Buffer.isBuffer(value) && value.length === 0)
  );
}

/** Go's encoder also hides what would mean something in HTML. */
function goString(text: string): string {
  return JSON.stringify(text).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function writeMessage(form: MessageForm, message: Loose): string {
  const parts: string[] = [];
  for (const { name, property, repeated, presence, write } of form.fields) {
    const value = message[property];
    if (value === undefined || value === null) continue;
    if (repeated) {
      const list = value as readonly unknown[];
      if (list.length > 0) parts.push(`"${name}":[${list.map((each) => write(each)).join(',')}]`);
    } else if (presence || !isDefault(value)) parts.push(`"${name}":${write(value)}`);
  }
  return `{${parts.join(',')}}`;
}
