/**
 * The target of a request: path and query. Nearly all are plain text that means what it says; only the others are given to
 * the URL parser, which resolves dots and encodes what must be.
 */
export interface RequestTarget {
  readonly pathname: string;
  /** With its question mark; empty without a query. */
  readonly search: string;
  readonly searchParams: URLSearchParams;
}

/** A path whose parts begin with neither a dot nor a slash, and a query of characters that stand for themselves. */
const plain = /^((?:\/[A-Za-z0-9_:~-][A-Za-z0-9._:~-]*)+\/?)(\?[A-Za-z0-9._:~=&,+%/-]+)?$/;

/** Throws for what is no URL. */
export function parseTarget(text: string): RequestTarget {
  const match = plain.exec(text);
  if (match === null) return new URL(text, 'https://apiserver');
  const [, pathname = '', search = ''] = match;
  return { pathname, search, searchParams: new URLSearchParams(search) };
}
