/**
 * JSON values as YAML in the style that Kubernetes answers in: keys in natural order, lists as deep as their key, plain
 * texts where they cannot be taken for something else, lines folded after 80 columns. Pure; `yaml.ts` reads it back.
 *
 * Source: the style of go-yaml's emitter, as its answers show it.
 */
const foldAfter = 80;

/** Plain texts that YAML 1.1 would read as something else. */
const readOtherwise =
  /^(?:~|null|Null|NULL|true|True|TRUE|false|False|FALSE|y|Y|yes|Yes|YES|n|N|no|No|NO|on|On|ON|off|Off|OFF|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)|[-+]?0b[01_]+|[-+]?0o?[0-7_]+|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?|[-+]?\.[0-9_]+(?:[eE][-+]?[0-9]+)?|[-+]?0x[0-9a-fA-F_]+|\d{4}-\d\d?-\d\d?(?:(?:[Tt]|[ \t]+)\d\d?:\d\d?:\d\d?(?:\.\d*)?[ \t]*(?:[Zz]|[-+]\d\d?(?::\d\d)?)?)?)$/;
/** What a text without quotes cannot begin with, be, or have in it. */
const notPlain = /^[-?:](?:\s|$)|^[,[\]{}#&*!|>'"%@`]|^---|^\.\.\.|: |:$| #|^\s|\s$/;
/** Characters that only double quotes can show. */
// oxlint-disable-next-line no-control-regex
const unprintable = /[^\n\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]/u;

export function formatYaml(value: unknown): string {
  return node(value, 0, 0, false).trimStart();
}

/** A value after its key or dash, which ends before `column`: on the same line, or on lines of its own. */
function node(value: unknown, indent: number, column: number, isInList: boolean): string {
  if (Array.isArray(value)) {
    if (value.length === 0) return ' []\n';
    const start = ' '.repeat(indent);
    const items = value.map((item) => `${start}-${node(item, indent + 2, indent + 1, true)}`).join('');
    return isInList ? ` ${items.slice(indent)}` : `\n${items}`;
  }
  if (typeof value === 'object' && value !== null) {
    const keys = Object.keys(value)
      .filter((key) => (value as Record<string, unknown>)[key] !== undefined)
      .sort(naturally);
    if (keys.length === 0) return ' {}\n';
    const start = ' '.repeat(indent);
    const fields = keys
      .map((key) => `${start}${field(keyText(key), (value as Record<string, unknown>)[key], indent)}`)
      .join('');
    return isInList ? ` ${fields.slice(indent)}` : `\n${fields}`;
  }
  return scalar(value, indent, column);
}

/** Lists begin in the column of their key, fields two columns further. */
function field(key: string, value: unknown, indent: number): string {
  const inner = Array.isArray(value) ? indent : indent + 2;
  return `${key}:${node(value, inner, indent + key.length + 1, false)}`;
}

function keyText(key: string): string {
  if (key === '' || readOtherwise.test(key) || unprintable.test(key) || key.includes('\n'))
    return JSON.stringify(key);
  return notPlain.test(key) ? `'${key.replaceAll("'", "''")}'` : key;
}

function scalar(value: unknown, indent: number, column: number): string {
  if (typeof value !== 'string') return ` ${JSON.stringify(value) ?? 'null'}\n`;
  if (unprintable.test(value) || /[ \t]\n|[ \t]$/.test(value.includes('\n') ? value : ''))
    return ` ${folded(escaped(value), indent, column)}\n`;
  if (value.includes('\n')) return block(value, indent);
  if (value === '' || readOtherwise.test(value)) return ` ${JSON.stringify(value)}\n`;
  const text = notPlain.test(value) ? `'${value.replaceAll("'", "''")}'` : value;
  return ` ${folded(text, indent, column)}\n`;
}

function escaped(text: string): string {
  return JSON.stringify(text).replace(
    /\\u00([0-9a-f]{2})/g,
    (_all, code: string) => `\\x${code.toUpperCase()}`,
  );
}

/** Several lines as they are. */
function block(value: string, indent: number): string {
  const kept = value.endsWith('\n\n') || value === '\n' ? '+' : value.endsWith('\n') ? '' : '-';
  const hint = /^[ \n]/.test(value) ? '2' : '';
  const start = ' '.repeat(indent);
  const lines = value.replace(/\n$/, '').split('\n');
  return ` |${hint}${kept}\n${lines.map((line) => (line === '' ? '' : start + line)).join('\n')}\n`;
}

/** Breaks at the first space behind the last column, where the text goes on. */
function folded(text: string, indent: number, start: number): string {
  let result = '';
  let column = start + 1;
  for (let i = 0; i < text.length; i++) {
    const isSpace = text[i] === ' ' && text[i - 1] !== ' ' && text[i + 1] !== ' ';
    if (isSpace && column > foldAfter && i > 0 && i < text.length - 2) {
      result += `\n${' '.repeat(indent)}`;
      column = indent;
    } else {
      result += text[i] ?? '';
      column++;
    }
  }
  return result;
}

/** Numbers inside of names by their size; what is no letter before what is one. */
function naturally(a: string, b: string): number {
  const [left, right] = [parts(a), parts(b)];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const [one = '', other = ''] = [left[i], right[i]];
    if (one === other) continue;
    const areNumbers = /^\d/.test(one) && /^\d/.test(other);
    if (areNumbers && Number(one) !== Number(other)) return Number(one) - Number(other);
    const [isLetter, isOtherLetter] = [/^\p{L}/u.test(one), /^\p{L}/u.test(other)];
    if (isLetter !== isOtherLetter) return isLetter ? 1 : -1;
    return one < other ? -1 : 1;
  }
  return left.length - right.length;
}

function parts(text: string): readonly string[] {
  return text.match(/\d+|[^\d]/gu) ?? [];
}
