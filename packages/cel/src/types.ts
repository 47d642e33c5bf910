/**
 * The types of expressions. A type may carry `max`, the largest size that its values can have (characters, bytes, items
 * or entries) where it is declared: nothing but the estimate of costs asks for it. Immutable.
 */
export type SimpleKind =
  | 'dyn'
  | 'bool'
  | 'int'
  | 'uint'
  | 'double'
  | 'string'
  | 'bytes'
  | 'null'
  | 'timestamp'
  | 'duration'
  | 'type';

export interface SimpleType {
  readonly kind: SimpleKind;
  readonly max?: number;
  /** Of `dyn`: the name of a type that stands for any other, as `google.protobuf.Any` does. */
  readonly name?: string;
  /** Of `type`: which type the value is, where that is known. */
  readonly of?: Type;
}
export interface ListType {
  readonly kind: 'list';
  readonly element: Type;
  readonly max?: number;
  /** Kubernetes lists that are sets, or have keys, compare and add up without regard to order. */
  readonly merge?: { readonly type: 'set' } | { readonly type: 'map'; readonly keys: readonly string[] };
}
export interface MapType {
  readonly kind: 'map';
  readonly key: Type;
  readonly value: Type;
  readonly max?: number;
}
export interface FieldType {
  readonly type: Type;
  /** The name in JSON; the name in expressions may be escaped. */
  readonly jsonName: string;
}
/** An object with known fields. */
export interface ObjectType {
  readonly kind: 'object';
  readonly name: string;
  readonly fields: ReadonlyMap<string, FieldType>;
  /** True when it may have any field beside those known. */
  readonly isOpen?: boolean;
}
/** A type of a library, such as `optional_type` or `kubernetes.Quantity`. */
export interface OpaqueType {
  readonly kind: 'opaque';
  readonly name: string;
  readonly parameters: readonly Type[];
}
/** A parameter of a generic function. */
export interface ParameterType {
  readonly kind: 'parameter';
  readonly name: string;
}
export type Type = SimpleType | ListType | MapType | ObjectType | OpaqueType | ParameterType;

export const dyn: Type = { kind: 'dyn' };
/** What is known when a value is there, like `dyn`, under a name of its own. */
export const any: SimpleType = { kind: 'dyn', name: 'google.protobuf.Any' };
export const bool: Type = { kind: 'bool' };
export const int: Type = { kind: 'int' };
export const uint: Type = { kind: 'uint' };
export const double: Type = { kind: 'double' };
export const string: Type = { kind: 'string' };
export const bytes: Type = { kind: 'bytes' };
export const nullType: Type = { kind: 'null' };
export const timestamp: Type = { kind: 'timestamp' };
export const duration: Type = { kind: 'duration' };
export const typeType: Type = { kind: 'type' };
export const A: Type = { kind: 'parameter', name: 'A' };
export const B: Type = { kind: 'parameter', name: 'B' };

export function list(element: Type, max?: number): ListType {
  return max === undefined ? { kind: 'list', element } : { kind: 'list', element, max };
}
export function map(key: Type, value: Type, max?: number): MapType {
  return max === undefined ? { kind: 'map', key, value } : { kind: 'map', key, value, max };
}
export function opaque(name: string, ...parameters: Type[]): OpaqueType {
  return { kind: 'opaque', name, parameters };
}
export function optional(inner: Type): OpaqueType {
  return opaque('optional_type', inner);
}

/** Of an expression with an issue: it goes with everything, so that one mistake is told once. */
export const failed: SimpleType = { kind: 'dyn', name: '!error!' };

/** How a type is written where a mistake in an expression is shown: what the language knows has short names. */
export function formatType(type: Type): string {
  switch (type.kind) {
    case 'list':
    case 'map':
    case 'opaque':
    case 'type':
      return withParameters(type, formatType);
    case 'dyn':
      return type.name === any.name ? 'any' : (type.name ?? 'dyn');
    case 'object':
    case 'parameter':
      return type.name;
    default:
      return type.kind;
  }
}

/** The full name of a type, as `type()` and messages about the value of a whole expression give it. */
export function typeName(type: Type): string {
  switch (type.kind) {
    case 'timestamp':
      return 'google.protobuf.Timestamp';
    case 'duration':
      return 'google.protobuf.Duration';
    case 'null':
      return 'null_type';
    case 'dyn':
      return type.name ?? 'dyn';
    case 'list':
    case 'map':
    case 'opaque':
    case 'type':
      return withParameters(type, typeName);
    default:
      return formatType(type);
  }
}

function withParameters(
  type: ListType | MapType | OpaqueType | SimpleType,
  format: (type: Type) => string,
): string {
  switch (type.kind) {
    case 'list':
      return `list(${format(type.element)})`;
    case 'map':
      return `map(${format(type.key)}, ${format(type.value)})`;
    case 'opaque': {
      const { name, parameters } = type;
      return parameters.length === 0 ? name : `${name}(${parameters.map(format).join(', ')})`;
    }
    default:
      return type.of === undefined ? type.kind : `${type.kind}(${format(type.of)})`;
  }
}

export type Bindings = Map<string, Type>;

/** Puts what is bound in the place of parameters; what is not bound may be anything. */
export function substitute(type: Type, bindings: Bindings): Type {
  switch (type.kind) {
    case 'parameter':
      return bindings.get(type.name) ?? dyn;
    case 'list':
      return { ...type, element: substitute(type.element, bindings) };
    case 'map':
      return { ...type, key: substitute(type.key, bindings), value: substitute(type.value, bindings) };
    case 'opaque':
      return type.parameters.length === 0
        ? type
        : { ...type, parameters: type.parameters.map((inner) => substitute(inner, bindings)) };
    case 'type':
      return type.of === undefined ? type : { ...type, of: substitute(type.of, bindings) };
    default:
      return type;
  }
}

/** Whether a value of type `from` may stand where `to` is wanted; binds parameters of `to`. */
export function isAssignable(to: Type, from: Type, bindings: Bindings = new Map<string, Type>()): boolean {
  if (to.kind === 'parameter') {
    const bound = bindings.get(to.name);
    if (bound === undefined || (bound.kind === 'dyn' && from.kind !== 'dyn')) {
      bindings.set(to.name, from);
      return true;
    }
    if (from.kind === 'dyn') return true;
    if (bound.kind === 'null' && isNullable(from)) {
      bindings.set(to.name, from);
      return true;
    }
    return isAssignable(bound, from, bindings) || isAssignable(from, bound, new Map<string, Type>());
  }
  if (to.kind === 'dyn' || from.kind === 'dyn') return true;
  if (from.kind === 'null') return to.kind === 'null' || isNullable(to);
  switch (to.kind) {
    case 'list':
      return from.kind === 'list' && isAssignable(to.element, from.element, bindings);
    case 'map':
      return (
        from.kind === 'map' &&
        isAssignable(to.key, from.key, bindings) &&
        isAssignable(to.value, from.value, bindings)
      );
    case 'object':
      return from.kind === 'object' && from.name === to.name;
    case 'opaque':
      return (
        from.kind === 'opaque' &&
        from.name === to.name &&
        to.parameters.every((inner, i) => isAssignable(inner, from.parameters[i] ?? dyn, bindings))
      );
    default:
      return from.kind === to.kind;
  }
}

function isNullable(type: Type): boolean {
  return ['timestamp', 'duration', 'object', 'opaque', 'dyn', 'null'].includes(type.kind);
}

/** Whether two types are the same, whatever the sizes of their values. */
export function isSame(a: Type, b: Type): boolean {
  return typeName(a) === typeName(b);
}

/** The type of either of two values. */
export function join(a: Type, b: Type): Type {
  if (isAssignable(a, b)) return a.kind === 'null' ? b : a;
  return isAssignable(b, a) ? b : dyn;
}
