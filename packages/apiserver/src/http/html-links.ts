/**
 * Links of an HTML page, changed on its way: the page passes in pieces as it comes, and of its tags the values of attributes that
 * hold addresses go through a function. Everything else passes byte by byte, scripts, styles and comments among it. A tag that does
 * not end within `maxTag` bytes passes as it is. Which attributes those are is upstream's list.
 */
import { Transform, type TransformCallback } from 'node:stream';

const attributes: Readonly<Record<string, readonly string[]>> = {
  a: ['href'],
  applet: ['codebase'],
  area: ['href'],
  audio: ['src'],
  base: ['href'],
  blockquote: ['cite'],
  body: ['background'],
  button: ['formaction'],
  command: ['icon'],
  del: ['cite'],
  embed: ['src'],
  form: ['action'],
  frame: ['longdesc', 'src'],
  head: ['profile'],
  html: ['manifest'],
  iframe: ['longdesc', 'src'],
  img: ['longdesc', 'src', 'usemap'],
  input: ['src', 'usemap', 'formaction'],
  ins: ['cite'],
  link: ['href'],
  object: ['classid', 'codebase', 'data', 'usemap'],
  q: ['cite'],
  script: ['src'],
  source: ['src'],
  video: ['poster', 'src'],
};
/** What is in them is no markup. */
const rawTexts: ReadonlySet<string> = new Set([
  'iframe',
  'noembed',
  'noframes',
  'noscript',
  'plaintext',
  'script',
  'style',
  'textarea',
  'title',
  'xmp',
]);
const maxTag = 16 * 1024;
const tagName = /^<([a-z][^\s/>]*)/i;
/** A name, and a value in either kind of quotes or in none. */
const attribute = /(?<=[\s"'/])([^\s"'<>/=]+)(\s*=\s*)("[^"]*"|'[^']*'|[^\s"'=<>`]+)/g;

export class HtmlLinks extends Transform {
  readonly #rewrite: (link: string) => string;
  #rest = '';
  /** The element whose end is looked for, and nothing else. */
  #rawText: string | undefined;

  constructor(rewrite: (link: string) => string) {
    super();
    this.#rewrite = rewrite;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    // A character for each byte: what is looked for is ASCII, and the rest comes out as it was.
    this.#rest += chunk.toString('latin1');
    done(null, Buffer.from(this.#take(), 'latin1'));
  }

  override _flush(done: TransformCallback): void {
    done(null, Buffer.from(this.#rest, 'latin1'));
    this.#rest = '';
  }

  /** As much as is known for sure. */
  #take(): string {
    const text = this.#rest;
    let out = '';
    let at = 0;
    while (at < text.length) {
      const start = this.#rawText === undefined ? text.indexOf('<', at) : this.#endOfRaw(text, at);
      if (start < 0) {
        // Of the end of an element there may be a beginning.
        const kept = this.#rawText === undefined ? 0 : Math.min(text.length - at, this.#rawText.length + 2);
        out += text.slice(at, text.length - kept);
        at = text.length - kept;
        break;
      }
      out += text.slice(at, start);
      at = start;
      const end = endOfMarkup(text, start);
      if (end === undefined) {
        if (text.length - start <= maxTag) break;
        out += text.slice(start);
        at = text.length;
        break;
      }
      out += this.#markup(text.slice(start, end));
      at = end;
    }
    this.#rest = text.slice(at);
    return out;
  }

  #endOfRaw(text: string, from: number): number {
    const name = this.#rawText ?? '';
    for (let at = text.indexOf('</', from); at >= 0; at = text.indexOf('</', at + 1))
      if (text.slice(at + 2, at + 2 + name.length).toLowerCase() === name) return at;
    return -1;
  }

  #markup(text: string): string {
    this.#rawText = undefined;
    const name = tagName.exec(text)?.[1]?.toLowerCase();
    if (name === undefined) return text;
    if (rawTexts.has(name)) this.#rawText = name;
    const names = Object.hasOwn(attributes, name) ? attributes[name] : undefined;
    if (names === undefined) return text;
    const head = name.length + 1;
    const changed = text.slice(head).replace(attribute, (all, key: string, equals: string, value: string) => {
      if (!names.includes(key.toLowerCase())) return all;
      const isQuoted = value.startsWith('"') || value.startsWith("'");
      const link = isQuoted ? value.slice(1, -1) : value;
      const other = this.#rewrite(link);
      return other === link ? all : `${key}${equals}"${other.replaceAll('"', '%22')}"`;
    });
    return text.slice(0, head) + changed;
  }
}

/** Where the markup ends that begins with a `<`; undefined when that has not come yet. */
function endOfMarkup(text: string, start: number): number | undefined {
  if (text.startsWith('<!--', start)) return behind(text.indexOf('-->', start + 4), 3);
  if ('<!--'.startsWith(text.slice(start))) return undefined;
  if (!/[a-z]/i.test(text[start + 1] ?? '')) {
    const isMarkup = /[/!?]/.test(text[start + 1] ?? '');
    return isMarkup ? behind(text.indexOf('>', start), 1) : start + 1;
  }
  let quote = '';
  for (let at = start + 1; at < text.length; at++) {
    const letter = text[at] ?? '';
    if (quote !== '') {
      if (letter === quote) quote = '';
    } else if (letter === '>') return at + 1;
    else if ((letter === '"' || letter === "'") && /=\s*$/.test(text.slice(Math.max(start, at - 8), at)))
      quote = letter;
  }
  return undefined;
}

function behind(at: number, length: number): number | undefined {
  return at < 0 ? undefined : at + length;
}
