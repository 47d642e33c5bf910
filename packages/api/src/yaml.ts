/**
 * Bytes of YAML to JSON values, for `application/yaml` bodies and apply patches. Only what JSON can say is accepted:
 * one document, string keys, a bounded number of aliases and of nested levels.
 */
import { isAlias, isMap, isPair, isScalar, isSeq, Lexer, parseDocument } from 'yaml';
import { decodeText, JsonError, MAX_DEPTH, MAX_PROBLEMS, parseJson, type Parsed, shortPath } from './json.ts';

/** Nodes that aliases may expand to, so that a small text cannot become a huge value. */
const MAX_ALIASES = 100;
/**
 * Tokens of one text. The parser takes microseconds and hundreds of bytes for each, in one go: three MiB of `b,` would
 * stop the server for a quarter of a minute. What is larger goes as JSON, as every client of Kubernetes sends it.
 */
const MAX_TOKENS = 200_000;
/** A body that starts like JSON is JSON: clients send it under YAML's media type, and that parser is faster. */
const LOOKS_LIKE_JSON = /^\s*[{[]/;

/** Parses YAML. Throws a `JsonError`. */
export function parseYaml(bytes: Uint8Array | string): Parsed {
  const text = typeof bytes === 'string' ? bytes : decodeText(bytes);
  if (LOOKS_LIKE_JSON.test(text)) {
    try {
      return parseJson(text);
    } catch {
      // Flow-style YAML also starts with a brace.
    }
  }
  try {
    checkSize(text);
    const document = parseDocument(text, {
      uniqueKeys: false,
      merge: true,
      stringKeys: true,
      logLevel: 'error',
    });
    const [problem] = document.errors;
    if (problem !== undefined)
      throw new JsonError(`error converting YAML to JSON: ${sentence(problem.message)}`);
    const duplicates: string[] = [];
    inspect(document.contents, '', 0, duplicates);
    return { value: document.toJS({ maxAliasCount: MAX_ALIASES }) as unknown, duplicates };
  } catch (error) {
    if (error instanceof JsonError) throw error;
    if (error instanceof RangeError) throw new JsonError('exceeded max depth');
    throw new JsonError(
      `error converting YAML to JSON: ${error instanceof Error ? error.message : 'unknown'}`,
    );
  }
}

function checkSize(text: string): void {
  // Shorter ones cannot have that many.
  if (text.length <= MAX_TOKENS) return;
  let count = 0;
  for (const _ of new Lexer().lex(text))
    if (++count > MAX_TOKENS)
      throw new JsonError(`error converting YAML to JSON: more than ${MAX_TOKENS} tokens; send it as JSON`);
}

/** The parser shows the place in the text below its sentence; a message is one line. */
function sentence(message: string): string {
  if (message.startsWith('Maximum call stack')) return 'exceeded max depth';
  return (message.split('\n')[0] ?? '').replace(/:$/, '');
}

function inspect(node: unknown, path: string, depth: number, duplicates: string[]): void {
  if (depth > MAX_DEPTH) throw new JsonError('exceeded max depth');
  if (isSeq(node)) {
    for (const [i, item] of node.items.entries()) inspect(item, `${path}[${i}]`, depth + 1, duplicates);
  } else if (isMap(node)) {
    const seen = new Set<string>();
    for (const pair of node.items) {
      if (!isPair(pair)) continue;
      const key = isScalar(pair.key) ? String(pair.key.value) : isAlias(pair.key) ? pair.key.source : '';
      const inner = path === '' ? key : `${path}.${key}`;
      if (seen.has(key) && key !== '<<' && duplicates.length < MAX_PROBLEMS)
        duplicates.push(shortPath(inner));
      seen.add(key);
      inspect(pair.value, inner, depth + 1, duplicates);
    }
  }
}
