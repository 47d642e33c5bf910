/**
 * Who sends a request, in upstream's order: whom a front proxy names, the client certificate's user, the bearer token's,
 * and with none of them nobody in particular, where that is allowed. A connection's certificate is read once: it cannot
 * change while the connection lasts. It can end meanwhile, though, and every request asks whether it has.
 */
import { StatusError, unauthorized } from '@timonier/api/statuses';
import type { HttpRequest } from '../http/exchange.ts';
import { anonymous, type Peer, peerOf, type ProxyTest, type User } from '../pipeline/authenticate.ts';
import { protocolTokenOf, type ProtocolTokens, takeProtocolTokens } from './protocol-token.ts';
import { authoritiesOf, isSignedBy, type RequestHeaderNames, userOfHeaders } from './request-header.ts';
import type { TokenAnswer, TokenKind } from './token-chain.ts';

/** Which requests may come from nobody; `paths` undefined: all. */
export type AnonymousAccess =
  | { readonly enabled: false }
  | { readonly enabled: true; readonly paths?: ReadonlySet<string> | undefined };

export interface RequestHeaderOptions extends RequestHeaderNames {
  /** PEM of the authority that signs proxies' certificates. */
  readonly ca: string;
  /** PEM of the authority that signs users' certificates. */
  readonly clientCa: string;
}

export class RequestAuthenticator {
  /** Replaced when a configuration file changes. */
  anonymous: AnonymousAccess = { enabled: true };
  readonly #tokens: TokenKind;
  readonly #names: RequestHeaderNames | undefined;
  readonly #test: ProxyTest | undefined;
  readonly #peers = new WeakMap<object, Peer>();
  readonly #now: () => number;

  /** `now` is the time of day in milliseconds. Throws when an authority is none. */
  constructor(tokens: TokenKind, proxies?: RequestHeaderOptions, now: () => number = Date.now) {
    this.#tokens = tokens;
    this.#now = now;
    if (proxies === undefined) return;
    const lower = (names: readonly string[]): string[] => names.map((name) => name.toLowerCase());
    this.#names = {
      allowedNames: proxies.allowedNames,
      usernameHeaders: lower(proxies.usernameHeaders),
      uidHeaders: lower(proxies.uidHeaders),
      groupHeaders: lower(proxies.groupHeaders),
      extraHeaderPrefixes: lower(proxies.extraHeaderPrefixes),
    };
    this.#test = proxyTest(proxies);
  }

  /**
   * At once for certificates and for tokens that need nothing from outside. Throws 401, or rejects with it. Takes tokens
   * out of the subprotocols of a WebSocket.
   */
  authenticate(request: HttpRequest, path: string): User | Promise<User> {
    const protocols = takeProtocolTokens(request.headers);
    const peer = this.#peerOf(request);
    if (peer.kind === 'user') return peer.user;
    if (peer.kind === 'proxy' && this.#names !== undefined) {
      const user = userOfHeaders(request.rawHeaders, this.#names);
      if (user !== undefined) return user;
    }
    const token = bearerOf(request) || tokenOf(protocols);
    if (token !== undefined) {
      const answer = this.#tokens.authenticate(token);
      return answer instanceof Promise ? answer.then(userOfToken) : userOfToken(answer);
    }
    if (peer.kind !== 'none' || !this.#allowsNobody(path)) throw new StatusError(unauthorized());
    return anonymous;
  }

  /**
   * Whether a header, in lower case, is one by which front proxies name users here. Whoever this server passes a request on
   * to may believe the same ones.
   */
  isIdentity(header: string): boolean {
    const names = this.#names;
    if (names === undefined) return false;
    const { usernameHeaders, uidHeaders, groupHeaders, extraHeaderPrefixes } = names;
    return (
      [usernameHeaders, uidHeaders, groupHeaders].some((known) => known.includes(header)) ||
      extraHeaderPrefixes.some((prefix) => header.startsWith(prefix))
    );
  }

  /** True when a token came behind two spaces: it is not looked at, as upstream. */
  ignoresToken(request: HttpRequest): boolean {
    return bearerOf(request) === '';
  }

  /** Which kinds of credentials a request came with, for the audit log. */
  attemptsOf(request: HttpRequest): string[] {
    const method = /^(Bearer|Basic) /i.exec(request.headers.authorization ?? '')?.[1]?.toLowerCase();
    return [
      ...(this.#peerOf(request).kind === 'none' ? [] : ['x509']),
      ...(method === undefined ? [] : [method]),
    ];
  }

  /** Until when the certificate is valid that makes a user known; undefined when none does. */
  certificateEnd(request: HttpRequest): number | undefined {
    const peer = this.#peerOf(request);
    return peer.kind === 'user' ? peer.validUntil : undefined;
  }

  #peerOf(request: HttpRequest): Peer {
    const { socket } = request;
    let peer = this.#peers.get(socket);
    if (peer === undefined) this.#peers.set(socket, (peer = peerOf(socket, this.#test)));
    const isOver = 'validUntil' in peer && this.#now() > peer.validUntil;
    return isOver ? { kind: 'refused' } : peer;
  }

  #allowsNobody(path: string): boolean {
    return this.anonymous.enabled && (this.anonymous.paths?.has(path) ?? true);
  }
}

function proxyTest({ ca, clientCa, allowedNames }: RequestHeaderOptions): ProxyTest {
  const proxies = authoritiesOf(ca);
  const users = authoritiesOf(clientCa);
  return (certificate, name) => {
    const isAllowed = allowedNames.length === 0 || allowedNames.includes(name);
    if (isAllowed && isSignedBy(certificate, proxies)) return 'proxy';
    return isSignedBy(certificate, users) ? 'user' : 'refused';
  };
}

function userOfToken(answer: TokenAnswer): User {
  if (answer === undefined) throw new StatusError(unauthorized());
  return answer.user;
}

function tokenOf(protocols: ProtocolTokens | undefined): string | undefined {
  return protocols && protocolTokenOf(protocols);
}

/** What stands between the first two spaces behind `Bearer`, which is nothing where the two are neighbours. */
function bearerOf({ headers }: HttpRequest): string | undefined {
  const [scheme = '', token, rest] = headers.authorization?.trim().split(' ', 3) ?? [];
  if (scheme.toLowerCase() !== 'bearer') return undefined;
  return token === '' && rest === undefined ? undefined : token;
}
