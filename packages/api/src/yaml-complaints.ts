/**
 * What is wrong with a text that is no YAML, in the words that Kubernetes has from its own parser: clients show them.
 * In: the code, sentence and line of our parser's error. Pure.
 */

/** An error of the parser; its first line is 1. */
export interface YamlFault {
  readonly code: string;
  readonly message: string;
  readonly line: number;
}

/**
 * The two halves of the other parser count lines in their own ways: what finds tokens from 1, what joins them from 0.
 * Neither names its first.
 */
type Half = 'scanner' | 'parser';

/** Characters of a message: it may quote what was sent. */
const mostLooked = 1_000;

const sentences: readonly (readonly [RegExp, Half, string])[] = [
  [/^(?:TAB_AS_INDENT|BAD_SCALAR_START) /, 'scanner', 'found character that cannot start any token'],
  [/^MISSING_CHAR Missing closing/, 'scanner', 'found unexpected end of stream'],
  [/^BLOCK_AS_IMPLICIT_KEY /, 'scanner', 'mapping values are not allowed in this context'],
  [/ Unexpected block-seq-ind/, 'scanner', 'block sequence entries are not allowed in this context'],
  [/^BAD_DQ_ESCAPE .*\\[xuU]/, 'scanner', 'did not find expected hexdecimal number'],
  [/^BAD_DQ_ESCAPE /, 'scanner', 'found unknown escape character'],
  [/ Flow map .*end with a \}/, 'parser', "did not find expected ',' or '}'"],
  [/ Flow sequence .*end with a \]/, 'parser', "did not find expected ',' or ']'"],
  [/ Sequence item without - indicator/, 'parser', "did not find expected '-' indicator"],
  [/^(?:MULTILINE_IMPLICIT_KEY |BAD_INDENT All mapping items)/, 'parser', 'did not find expected key'],
];

/** Such as `yaml: line 5: did not find expected key`; what has no words there keeps ours. */
export function yamlComplaint({ code, message, line }: YamlFault, text: string): string {
  const endsWithLine = text.endsWith('\n');
  const first = (message.split('\n')[0] ?? '')
    .slice(0, mostLooked)
    .replace(/(?: at line \d+, column \d+)?:?$/, '');
  const [, half = 'scanner', found = first] =
    sentences.find(([pattern]) => pattern.test(`${code} ${first}`)) ?? [];
  // Behind an opening or a comma something was still to come.
  const isEmpty = / end with a /.test(first) && '[{,'.includes(text.trimEnd().at(-1) ?? ' ');
  const sentence = isEmpty ? 'did not find expected node content' : found;
  // What ends too early ends on a line of its own.
  const isAtEnd = !endsWithLine && half === 'parser' && / end with a /.test(first);
  const counted = half === 'parser' && !isAtEnd ? line - 1 : line;
  const where = counted === 0 || (half === 'scanner' && line === 1) ? '' : `line ${counted}: `;
  return `yaml: ${where}${sentence}`;
}

const doubledKey = /^line \d+: key .* already set in map$/s;

/** A key that stands there twice, as a problem of decoding. */
export function doubledKeyProblem(key: string, line: number): string {
  return `line ${line}: key ${JSON.stringify(key)} already set in map`;
}

/** Problems as one error lists them: those of YAML's keys come as one. */
export function listedProblems(problems: readonly string[]): readonly string[] {
  const keys = problems.filter((problem) => doubledKey.test(problem));
  if (keys.length === 0) return problems;
  const others = problems.filter((problem) => !doubledKey.test(problem));
  return [`yaml: unmarshal errors:\n${keys.map((key) => `  ${key}`).join('\n')}`, ...others];
}
