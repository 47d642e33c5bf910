/**
 * The target of a request: path and query, as they were written. Dots are not resolved and backslashes stay: a path means the
 * same to us and to whoever let the request through in front of us. Nearly all are plain text that means what it says.
 */
export interface RequestTarget {
  readonly pathname: string;
  /** With its question mark; empty without a query. */
  readonly search: string;
  readonly searchParams: URLSearchParams;
}

/** A path whose parts begin with neither a dot nor a slash, and a query of characters that stand for themselves. */
const plain = /^((?:\/[A-Za-z0-9_:~-][A-Za-z0-9._:~-]*)+\/?)(\?[A-Za-z0-9._:~=&,+%/-]+)?$/;
/** A client may name the server too. */
const origin = /^https?:\/\/[^/?#]*/i;
const notPrintable = /[^\x21-\x7e]|#/;
const hexDigits = Buffer.from('0123456789ABCDEF');
/** Of a longer one it takes longer to find out that it is plain. */
const longestPlain = 4_096;

/**
 * As many as upstream's read of a query. The URL's own reader takes time by the square of their number: for those of a head of
 * a megabyte, which anybody may send, a quarter of a minute.
 */
const mostParameters = 10_000;

/** `text` has one character for each byte. Throws for what is no path, and for a query of too many parameters. */
export function parseTarget(text: string): RequestTarget {
  const match = text.length > longestPlain ? null : plain.exec(text);
  if (match !== null) {
    const [, pathname = '', search = ''] = match;
    return { pathname, search, searchParams: parametersOf(search) };
  }
  const written = encoded(text.replace(origin, ''));
  const at = written.indexOf('?');
  const pathname = (at === -1 ? written : written.slice(0, at)) || (origin.test(text) ? '/' : '');
  if (!pathname.startsWith('/')) throw new TypeError('a request is for a path');
  const search = at === -1 || at === written.length - 1 ? '' : written.slice(at);
  return { pathname, search, searchParams: parametersOf(search) };
}

function parametersOf(search: string): URLSearchParams {
  for (let at = search.indexOf('&'), count = 2; at !== -1; at = search.indexOf('&', at + 1), count++)
    if (count > mostParameters) throw new TypeError(`a query has ${mostParameters} parameters at most`);
  return new URLSearchParams(search);
}

function encoded(text: string): string {
  if (!notPrintable.test(text)) return text;
  const bytes = Buffer.allocUnsafe(3 * text.length);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const byte = text.charCodeAt(i);
    if (byte > 0x20 && byte < 0x7f && byte !== 0x23) bytes[length++] = byte;
    else {
      bytes[length++] = 0x25;
      bytes[length++] = hexDigits[(byte >> 4) & 15] ?? 0;
      bytes[length++] = hexDigits[byte & 15] ?? 0;
    }
  }
  return bytes.toString('latin1', 0, length);
}
