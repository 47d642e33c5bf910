/**
 * Which headers of a request are passed on to another server, and which of its answer come back. Those that are about one
 * connection stay with it (RFC 9110, 7.6.1), also those that its `Connection` names; and what a client says about who it is
 * never passes.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

export type Headers = Record<string, string | string[]>;
/** Asked with names in lower case. */
export type HeaderTest = (name: string) => boolean;

/** Headers about one connection only, or about who the client is. */
const notPassedOn: ReadonlySet<string> = new Set([
  'authorization',
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'timonier-office',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const identities = /^(?:x-remote-|impersonate-)/;
const notPassedBack: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** `way` is the addresses that the request's connection came through, which are added to those that it names itself. */
export function passedOn(
  given: IncomingHttpHeaders,
  isIdentity: HeaderTest | undefined,
  way: readonly string[],
): Headers {
  const headers: Headers = {};
  const named = namedBy(given.connection);
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || name.startsWith(':') || named.has(name)) continue;
    if (notPassedOn.has(name) || identities.test(name) || isIdentity?.(name) === true) continue;
    headers[name] = value;
  }
  if (way.length > 0 && isIdentity?.(forwardedFor) !== true)
    headers[forwardedFor] = [headers[forwardedFor] ?? [], way].flat(2).join(', ');
  return headers;
}

const forwardedFor = 'x-forwarded-for';

/** Several cookies stay several: joined they would be one, with attributes that browsers do not know. */
export function passedBack(given: IncomingHttpHeaders): Headers {
  const headers: Headers = {};
  const named = namedBy(given.connection);
  for (const [name, value] of Object.entries(given))
    if (value !== undefined && !notPassedBack.has(name) && !named.has(name)) headers[name] = value;
  return headers;
}

const none: ReadonlySet<string> = new Set();

/** What a `Connection` names belongs to that connection. Long ones do not come here: neither a request's nor an answer's. */
function namedBy(connection: string | undefined): ReadonlySet<string> {
  return connection === undefined
    ? none
    : new Set(connection.split(',').map((option) => option.trim().toLowerCase()));
}

/** The head of an answer as it came, for a connection that speaks no HTTP from here on; a character is a byte. */
export function headText(response: IncomingMessage, override: Readonly<Record<string, string>>): Buffer {
  const lines = [`HTTP/1.1 ${response.statusCode ?? 500} ${response.statusMessage ?? ''}`];
  for (let i = 0; i + 1 < response.rawHeaders.length; i += 2) {
    const name = response.rawHeaders[i] ?? '';
    if (Object.hasOwn(override, name.toLowerCase()) || name.toLowerCase() === 'transfer-encoding') continue;
    lines.push(`${name}: ${response.rawHeaders[i + 1]}`);
  }
  for (const [name, value] of Object.entries(override)) lines.push(`${name}: ${value}`);
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}
