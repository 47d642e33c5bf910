/** Kubernetes' URL functions: absolute URLs, and paths that begin with a slash. */
import { EvaluationError } from '../errors.ts';
import { globalFunction, type Library, memberFunction, walkFirst } from '../overload.ts';
import { bool, list, map, opaque, string } from '../types.ts';
import { ArrayList, HashMap, OpaqueValue } from '../values.ts';

const url = opaque('kubernetes.URL');
const base = 'relative://none';
const mostParameters = 10_000;

interface Parts {
  readonly scheme: string;
  readonly host: string;
  readonly hostname: string;
  readonly port: string;
  readonly path: string;
  /** As it was written. */
  readonly query: string;
}

function read(text: string): Parts | undefined {
  if (/[\s\p{Cc}]/u.test(text)) return undefined;
  const isPath = text.startsWith('/');
  const form =
    /^([A-Za-z][A-Za-z0-9+.-]*):(?:\/\/(?:[^/?#@]*@)?(\[[^\]]*\]|[^/?#:]*)(?::(\d*))?)?([^?#]*)/.exec(text);
  if (!isPath && form === null) return undefined;
  if (!URL.canParse(text, base)) return undefined;
  const query = /\?([^#]*)/.exec(text)?.[1] ?? '';
  if (isPath || form === null) {
    const path = /^[^?#]*/.exec(text)?.[0] ?? '';
    return {
      scheme: '',
      host: '',
      hostname: '',
      port: '',
      path: escaped(path),
      query,
    };
  }
  const [, scheme = '', hostname = '', port = '', path = ''] = form;
  return {
    scheme: scheme.toLowerCase(),
    host: port === '' ? hostname : `${hostname}:${port}`,
    hostname: hostname.replace(/^\[(.*)\]$/, '$1'),
    port,
    path: escaped(path),
    query,
  };
}

/**
 * By name; none where there are more than Go reads. The URL's own reader takes time by the square of their number: of those in a
 * text of a megabyte a quarter of a minute.
 */
function parametersOf(query: string): Map<string, string[]> {
  const values = new Map<string, string[]>();
  if (query.split('&', mostParameters + 1).length > mostParameters) return values;
  for (const [name, value] of new URLSearchParams(query)) {
    const known = values.get(name);
    if (known === undefined) values.set(name, [value]);
    else known.push(value);
  }
  return values;
}

function escaped(path: string): string {
  return path.replaceAll(/[^A-Za-z0-9\-._~!$&'()*+,;=:@/%]/gu, encodeURIComponent);
}

function parse(text: string): OpaqueValue {
  const parts = read(text);
  if (parts === undefined)
    throw new EvaluationError(
      `URL parse error during conversion from string: parse ${JSON.stringify(text)}: invalid URI for request`,
    );
  return new OpaqueValue(url.name, text, parts);
}

const part = (pick: (parts: Parts) => string) => [
  memberFunction([url], string, (value: OpaqueValue) => pick(value.data as Parts)),
];

export const urls: Library = {
  url: [globalFunction([string], url, parse, { cost: walkFirst })],
  isURL: [globalFunction([string], bool, (text: string) => read(text) !== undefined, { cost: walkFirst })],
  getScheme: part(({ scheme }) => scheme),
  getHost: part(({ host }) => host),
  getHostname: part(({ hostname }) => hostname),
  getPort: part(({ port }) => port),
  getEscapedPath: part(({ path }) => path),
  getQuery: [
    memberFunction([url], map(string, list(string)), (value: OpaqueValue) => {
      const values = parametersOf((value.data as Parts).query);
      return new HashMap([...values].map(([name, list]) => [name, new ArrayList(list)] as const));
    }),
  ],
};
