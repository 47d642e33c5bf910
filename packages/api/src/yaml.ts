/**
 * Bytes of YAML to JSON values, for `application/yaml` bodies and apply patches. Scalars and keys are read as Kubernetes
 * reads them: see `plainScalar`. Only what JSON can say is accepted: the first document, plain keys, a bounded number of
 * aliases and of nested levels.
 */
import {
  isMap,
  isPair,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  parseDocument,
  type ScalarTag,
  type Document,
} from 'yaml';
import { decodeText, JsonError, MAX_DEPTH, MAX_PROBLEMS, parseJson, type Parsed, shortPath } from './json.ts';
import { doubledKeyProblem, yamlComplaint } from './yaml-complaints.ts';
import { plainScalar } from './yaml-scalars.ts';

/** Nodes that aliases may expand to, so that a small text cannot become a huge value. */
const MAX_ALIASES = 100;
/**
 * Tokens of one text. The parser takes microseconds and hundreds of bytes for each, in one go: three MiB of `b,` would
 * stop the server for a quarter of a minute. What is larger goes as JSON, as every client of Kubernetes sends it.
 */
const MAX_TOKENS = 200_000;
/** A body that starts like JSON is JSON: clients send it under YAML's media type, and that parser is faster. */
const LOOKS_LIKE_JSON = /^\s*[{[]/;
// oxlint-disable-next-line no-control-regex
const CONTROL_CHARACTERS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

/** A value is what its text stands for, whatever tag is written before it; only a key may be a merge. */
const plainTag: ScalarTag = {
  tag: 'tag:yaml.org,2002:plain',
  default: true,
  test: /^(?!<<$)/,
  resolve: plainScalar,
};
const namedTags = ['int', 'float', 'bool', 'null', 'timestamp'].map((name): ScalarTag => ({
  tag: `tag:yaml.org,2002:${name}`,
  resolve: plainScalar,
}));
const binaryTag: ScalarTag = {
  tag: 'tag:yaml.org,2002:binary',
  resolve: (text) => Buffer.from(text, 'base64').toString(),
};

/** Parses YAML. Throws a `JsonError`. */
export function parseYaml(bytes: Uint8Array | string): Parsed {
  const text = typeof bytes === 'string' ? bytes : decodeText(bytes);
  if (LOOKS_LIKE_JSON.test(text)) {
    try {
      const parsed = parseJson(text);
      // Of keys that are there twice YAML says other words.
      if (parsed.duplicates.length === 0) return parsed;
    } catch {
      // Flow-style YAML also starts with a brace.
    }
  }
  try {
    return read(text);
  } catch (error) {
    if (error instanceof JsonError) throw error;
    if (error instanceof RangeError) throw new JsonError('exceeded max depth');
    const reason = error instanceof Error ? error.message : 'unknown';
    const alias = /^Unresolved alias [^:]*: (.*)$/.exec(reason)?.[1];
    throw new JsonError(
      alias === undefined ? `yaml: ${reason}` : `yaml: unknown anchor '${alias}' referenced`,
    );
  }
}

function read(text: string): Parsed {
  checkSize(text);
  if (CONTROL_CHARACTERS.test(text)) throw new JsonError('yaml: control characters are not allowed');
  const lineCounter = new LineCounter();
  const document = parseDocument(text, {
    uniqueKeys: false,
    merge: true,
    schema: 'failsafe',
    customTags: [plainTag, ...namedTags, binaryTag],
    logLevel: 'error',
    lineCounter,
  });
  checkErrors(document, text);
  const duplicates: string[] = [];
  inspect(document.contents, 0, { duplicates, lineCounter });
  const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
  return { value: byKey(value ?? null), duplicates };
}

/**
 * As upstream, which goes by way of JSON: fields come by the alphabet, in which what is wrong with them is told. What aliases share is
 * still shared, for a small text can refer to a large part of it a hundred times. Throws for more levels than JSON may have,
 * and for what contains itself.
 */
function byKey(value: unknown): unknown {
  return sorted(value, new Map()).copy;
}

interface Sorted {
  readonly copy: unknown;
  /** Levels that it has. */
  readonly height: number;
}

/** `done` has what was sorted, and undefined for what is being sorted. */
function sorted(value: unknown, done: Map<object, Sorted | undefined>): Sorted {
  if (typeof value !== 'object' || value === null) return { copy: value, height: 0 };
  const known = done.get(value);
  if (known !== undefined) return known;
  if (done.has(value)) throw new JsonError('exceeded max depth');
  done.set(value, undefined);
  let below = 0;
  const within = (inner: unknown): unknown => {
    const { copy, height } = sorted(inner, done);
    below = Math.max(below, height);
    return copy;
  };
  const copy = copyOf(value, within);
  if (below >= MAX_DEPTH) throw new JsonError('exceeded max depth');
  const result = { copy, height: below + 1 };
  done.set(value, result);
  return result;
}

function copyOf(value: object, within: (inner: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map(within);
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, inner]) => [name, within(inner)]),
  );
}

/** What follows the first document is nobody's. */
function checkErrors({ errors }: Document.Parsed, text: string): void {
  const fault = errors.find(({ code }) => code !== 'MULTIPLE_DOCS');
  if (fault === undefined) return;
  const { code, message, linePos } = fault;
  if (message.startsWith('Maximum call stack')) throw new JsonError('exceeded max depth');
  throw new JsonError(yamlComplaint({ code, message, line: linePos?.[0].line ?? 1 }, text));
}

function checkSize(text: string): void {
  // Shorter ones cannot have that many.
  if (text.length <= MAX_TOKENS) return;
  let count = 0;
  for (const _ of new Lexer().lex(text))
    if (++count > MAX_TOKENS) throw new JsonError(`yaml: more than ${MAX_TOKENS} tokens; send it as JSON`);
}

interface Inspection {
  readonly duplicates: string[];
  readonly lineCounter: LineCounter;
}

/** Finds what JSON cannot say, and keys that are there twice. */
function inspect(node: unknown, depth: number, inspection: Inspection): void {
  if (depth > MAX_DEPTH) throw new JsonError('exceeded max depth');
  if (isSeq(node)) {
    for (const item of node.items) inspect(item, depth + 1, inspection);
  } else if (isMap(node)) {
    const seen = new Set<string>();
    for (const pair of node.items) {
      if (!isPair(pair)) continue;
      const key = keyOf(pair.key, pair.value);
      const { duplicates, lineCounter } = inspection;
      inspect(pair.value, depth + 1, inspection);
      if (seen.has(key) && key !== '<<' && duplicates.length < MAX_PROBLEMS) {
        const at = isScalar(pair.key) ? (pair.key.range?.[0] ?? 0) : 0;
        duplicates.push(doubledKeyProblem(shortPath(key), lineCounter.linePos(at).line));
      }
      seen.add(key);
    }
  } else if (isScalar(node) && typeof node.value === 'number' && !Number.isFinite(node.value)) {
    const { value } = node;
    const shown = Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
    throw new JsonError(`json: unsupported value: ${shown}`);
  }
}

/** Throws for what can be no key of JSON. */
function keyOf(key: unknown, value: unknown): string {
  if (!isScalar(key)) throw new JsonError('yaml: invalid map key: only scalars can be keys');
  if (typeof key.value === 'string') return key.value;
  if (key.value !== null) return JSON.stringify(key.value);
  const shown = isScalar(value) ? JSON.stringify(value.value) : '{}';
  throw new JsonError(`unsupported map key of type: %!s(<nil>), key: <nil>, value: ${shown}`);
}
