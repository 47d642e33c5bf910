/** Kubernetes' URL functions: absolute URLs, and paths that begin with a slash. */
import { EvaluationError } from '../errors.ts';
import { globalFunction, type Library, memberFunction, walkFirst } from '../overload.ts';
import { bool, list, map, opaque, string } from '../types.ts';
import { ArrayList, HashMap, OpaqueValue } from '../values.ts';

const url = opaque('kubernetes.URL');
const base = 'relative://none';

interface Parts {
  readonly scheme: string;
  readonly host: string;
  readonly hostname: string;
  readonly port: string;
  readonly path: string;
  readonly query: URLSearchParams;
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
      query: new URLSearchParams(query),
    };
  }
  const [, scheme = '', hostname = '', port = '', path = ''] = form;
  return {
    scheme: scheme.toLowerCase(),
    host: port === '' ? hostname : `${hostname}:${port}`,
    hostname: hostname.replace(/^\[(.*)\]$/, '$1'),
    port,
    path: escaped(path),
    query: new URLSearchParams(query),
  };
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
      const { query } = value.data as Parts;
      const names = [...new Set(query.keys())];
      return new HashMap(names.map((name) => [name, new ArrayList(query.getAll(name))] as const));
    }),
  ],
};
