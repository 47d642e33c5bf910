/**
 * The part of JSONPath that definitions use for columns, selectable fields and replicas: names, quoted names, indexes,
 * `*`, slices, unions of indexes, filters that compare with a literal, and `..`. Pure; compiled once.
 */
import { isObject } from './json-schema.ts';

type Step = (values: readonly unknown[]) => unknown[];

export class JsonPathError extends Error {
  override readonly name = 'JsonPathError';
}

/** Values found are bounded: `..` over a large object must not grow. */
const maxValues = 1_000;

/** Compiles a path such as `.spec.items[?(@.kind=="A")].name`. Throws a `JsonPathError`. */
export function compilePath(text: string): (root: unknown) => unknown[] {
  const steps = new Parser(text.trim().replace(/^\{(.*)\}$/s, '$1')).path();
  return (root) => steps.reduce<unknown[]>((values, step) => step(values).slice(0, maxValues), [root]);
}

/** The names of a path that is nothing but names, such as `.spec.replicas`; undefined for any other. */
export function simplePath(text: string): string[] | undefined {
  if (!/^(?:\.(?:\\.|[\w$-])+|\['[^']+'\])+$/.test(text)) return undefined;
  const names: string[] = [];
  for (const match of text.matchAll(/\.((?:\\.|[\w$-])+)|\['([^']+)'\]/g))
    names.push(match[2] ?? (match[1] ?? '').replaceAll(/\\(.)/g, '$1'));
  return names;
}

/** The value at the names, or undefined. */
export function valueAt(root: unknown, names: readonly string[]): unknown {
  let value = root;
  for (const name of names) value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  return value;
}

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text.startsWith('$') ? text.slice(1) : text;
  }

  path(end = ''): Step[] {
    const steps: Step[] = [];
    while (this.#at < this.#text.length && !end.includes(this.#peek())) steps.push(this.#step());
    return steps;
  }

  #peek(): string {
    return this.#text[this.#at] ?? '\0';
  }

  #step(): Step {
    if (this.#text.startsWith('..', this.#at)) {
      this.#at += 2;
      const inner = this.#peek() === '[' ? this.#bracket() : this.#named();
      return (values) => inner(values.flatMap(descendants));
    }
    if (this.#peek() === '[') return this.#bracket();
    if (this.#peek() === '.') this.#at++;
    else if (this.#at > 0) throw this.#error();
    return this.#peek() === '[' ? this.#bracket() : this.#named();
  }

  #named(): Step {
    let name = '';
    for (; this.#at < this.#text.length && !/[.[\]()=!<> ,]/.test(this.#peek()); this.#at++) {
      if (this.#peek() === '\\') this.#at++;
      name += this.#peek();
    }
    if (name === '') throw this.#error();
    return name === '*' ? (values) => values.flatMap(children) : member(name);
  }

  #bracket(): Step {
    const filter = /^\[\?\((.*?)\)\]/s.exec(this.#text.slice(this.#at));
    if (filter !== null) {
      this.#at += filter[0].length;
      return filterStep(filter[1] ?? '');
    }
    const found = /^\[([^\]]*)\]/.exec(this.#text.slice(this.#at));
    if (found === null) throw this.#error();
    this.#at += found[0].length;
    const parts = (found[1] ?? '').split(',').map((part) => part.trim());
    const steps = parts.map((part) => this.#index(part));
    return (values) => steps.flatMap((step) => step(values));
  }

  #index(part: string): Step {
    const quoted = /^(['"])(.*)\1$/.exec(part);
    // A path of its own: a dot in a name is one between names unless it is escaped, as upstream.
    if (quoted !== null) {
      const steps = new Parser(`.${quoted[2] ?? ''}`).path();
      return (values) => steps.reduce<unknown[]>((found, step) => step(found), [...values]);
    }
    if (part === '*') return (values) => values.flatMap(children);
    if (/^-?\d+$/.test(part))
      return (values) =>
        values.flatMap((value) => {
          const item: unknown = Array.isArray(value) ? value.at(Number(part)) : undefined;
          return item === undefined ? [] : [item];
        });
    const slice = /^(-?\d*):(-?\d*)(?::(\d+))?$/.exec(part);
    if (slice === null) throw this.#error();
    const [, from = '', to = '', step = ''] = slice;
    const stride = Math.max(1, Number(step || '1'));
    return (values) =>
      values.flatMap((value) =>
        Array.isArray(value)
          ? value
              .slice(from === '' ? 0 : Number(from), to === '' ? undefined : Number(to))
              .filter((_, i) => i % stride === 0)
          : [],
      );
  }

  #error(): JsonPathError {
    return new JsonPathError(`cannot read "${this.#text}" at position ${this.#at}`);
  }
}

function member(name: string): Step {
  return (values) =>
    values.flatMap((value) => (isObject(value) && Object.hasOwn(value, name) ? [value[name]] : []));
}

function children(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  return isObject(value) ? Object.values(value) : [];
}

function descendants(value: unknown): unknown[] {
  const found: unknown[] = [];
  const pending = [value];
  for (let next = pending.pop(); next !== undefined && found.length < maxValues; next = pending.pop()) {
    found.push(next);
    pending.push(...children(next).filter((child) => typeof child === 'object' && child !== null));
  }
  return found;
}

/** `@.type=="Ready"`, or `@.type` alone for "has one". */
function filterStep(text: string): Step {
  const whole = text.trim();
  if (!whole.startsWith('@')) throw new JsonPathError(`cannot read the filter "${text}"`);
  const found = /[=!><]=|[><]/.exec(whole);
  const operator = found?.[0];
  const operand = found === null ? '' : whole.slice(found.index + found[0].length).trim();
  const steps = new Parser(whole.slice(1, found?.index).trimEnd()).path();
  const read = (item: unknown): unknown => steps.reduce<unknown[]>((values, step) => step(values), [item])[0];
  if (operator === undefined)
    return (values) => values.flatMap(children).filter((item) => read(item) !== undefined);
  if (operand === '') throw new JsonPathError(`the filter "${text}" compares with nothing`);
  const literal = literalOf(operand);
  return (values) => values.flatMap(children).filter((item) => compare(read(item), operator, literal));
}

function literalOf(text: string): unknown {
  const quoted = /^(['"])(.*)\1$/s.exec(text);
  if (quoted !== null) return quoted[2];
  try {
    return JSON.parse(text);
  } catch {
    throw new JsonPathError(`"${text}" is not a literal`);
  }
}

function compare(value: unknown, operator: string, literal: unknown): boolean {
  if (operator === '==') return value === literal;
  if (operator === '!=') return value !== undefined && value !== literal;
  if (typeof value !== typeof literal || (typeof value !== 'number' && typeof value !== 'string'))
    return false;
  const [a, b] = [value, literal as typeof value];
  return operator === '<' ? a < b : operator === '<=' ? a <= b : operator === '>' ? a > b : a >= b;
}
