/**
 * What a request's headers say to a gRPC server: which method, until when, and whether it may be served at all.
 *
 * `undefined` for headers that RFC 9113 calls malformed (the stream is reset); a `refusal` for well-formed requests
 * that are not for us (they are answered). What is no gRPC goes to `web`, where there is one. `:authority` may be anything: some clients send a whole URL there.
 * A head is immutable and may be shared by all requests that carry the same headers.
 */
import { Status } from '../error.ts';
import { errorTrailers, httpError } from './hpack-encoder.ts';

export interface Head<Route> {
  readonly route: Route | undefined;
  /** Headers that close the call at once, encoded. */
  readonly refusal: Buffer | undefined;
  /** Milliseconds the client waits; undefined is forever. */
  readonly timeoutMs: number | undefined;
  readonly contentLength: number | undefined;
  /** Names and values in turn. */
  readonly fields: readonly string[];
}

const token = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const anyCaseToken = /^[!#$%&'*+\-.^_`|~0-9a-zA-Z]+$/;
// oxlint-disable-next-line no-control-regex -- what no value may hold (RFC 9110, 5.5)
const forbiddenInValue = /[\0-\x08\x0a-\x1f\x7f]/;
const connectionSpecific = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

const grpcType = /^application\/grpc(?:\+proto|;.*)?$/;

const unitMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
};

/** `grpc-timeout` in milliseconds, undefined when it is not one. */
export function parseTimeout(text: string): number | undefined {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(text) ?? [];
  return digits === undefined || unit === undefined ? undefined : Number(digits) * (unitMs[unit] ?? 0);
}

/** `routes` undefined: nothing is gRPC, whatever it says. Undefined for what is no request. */
export function readHead<Route>(
  fields: readonly string[],
  routes: ReadonlyMap<string, Route> | undefined,
  web?: Route,
): Head<Route> | undefined {
  let method: string | undefined;
  let path: string | undefined;
  let scheme: string | undefined;
  let authority: string | undefined;
  let contentType = '';
  let encoding = 'identity';
  let timeout: string | undefined;
  let contentLength: number | undefined;
  let regular = false;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? '';
    const value = fields[i + 1] ?? '';
    if (forbiddenInValue.test(value)) return undefined;
    if (name.charCodeAt(0) === 0x3a) {
      if (regular) return undefined;
      if (name === ':method' && method === undefined) method = value;
      else if (name === ':path' && path === undefined) path = value;
      else if (name === ':scheme' && scheme === undefined) scheme = value;
      else if (name === ':authority' && authority === undefined) authority = value;
      else return undefined;
      continue;
    }
    regular = true;
    switch (name) {
      case 'content-type':
        contentType = value;
        break;
      case 'grpc-timeout':
        timeout = value;
        break;
      case 'grpc-encoding':
        encoding = value;
        break;
      case 'te':
        if (value !== 'trailers') return undefined;
        break;
      case 'content-length':
        if (!/^\d{1,15}$/.test(value)) return undefined;
        if (contentLength !== undefined && contentLength !== Number(value)) return undefined;
        contentLength = Number(value);
        break;
      default:
        if (!token.test(name) || connectionSpecific.has(name)) return undefined;
    }
  }
  if (method === undefined || scheme === undefined || path === undefined || path === '') return undefined;
  // It may be passed on, and over HTTP/1.1 a space ends it.
  if (!anyCaseToken.test(method)) return undefined;
  const isGrpc = grpcType.test(contentType);
  if (web !== undefined && (!isGrpc || routes === undefined))
    return { route: web, refusal: undefined, timeoutMs: undefined, contentLength, fields };
  const timeoutMs = timeout === undefined ? undefined : parseTimeout(timeout);
  const route = routes?.get(path);
  let refusal: Buffer | undefined;
  if (method !== 'POST') refusal = httpError(405, Status.INTERNAL, `gRPC is called with POST, not ${method}`);
  else if (!isGrpc)
    refusal = httpError(415, Status.INTERNAL, `content type "${contentType}" is not application/grpc`);
  else if (route === undefined)
    refusal = errorTrailers(Status.UNIMPLEMENTED, `the server does not implement the method ${path}`, true);
  else if (encoding !== 'identity')
    refusal = errorTrailers(
      Status.UNIMPLEMENTED,
      `grpc: messages compressed with "${encoding}" are not understood`,
      true,
    );
  else if (timeout !== undefined && timeoutMs === undefined)
    refusal = errorTrailers(Status.INTERNAL, `malformed grpc-timeout "${timeout}"`, true);
  return { route, refusal, timeoutMs, contentLength, fields };
}

/** Whether the fields behind a request's body are well-formed. */
export function areTrailers(fields: readonly string[]): boolean {
  for (let i = 0; i < fields.length; i += 2) if (!token.test(fields[i] ?? '')) return false;
  return true;
}

/** First value of a header; that of a `-bin` header decoded and read as UTF-8. */
export function fieldOf(fields: readonly string[], name: string): string | undefined {
  const wanted = name.toLowerCase();
  for (let i = 0; i < fields.length; i += 2)
    if (fields[i] === wanted) {
      const value = fields[i + 1] ?? '';
      return wanted.endsWith('-bin') ? Buffer.from(value, 'base64').toString() : value;
    }
  return undefined;
}
