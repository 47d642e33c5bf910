/**
 * Bearer tokens of clients that can say nothing about a WebSocket but its subprotocols: browsers. One of those is
 * upstream's prefix and the token in base64url without padding.
 *
 * Invariant: behind the authenticator nobody sees a token, neither what a request is passed on to nor the client in its
 * answer.
 */
import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';
import { StatusError, unauthorized } from '@timonier/api/statuses';
import { isWebSocketRequest, setSubprotocols, subprotocolsOf } from '../http/web-socket-request.ts';

const prefix = 'base64url.bearer.authorization.k8s.io.';
const base64url = /^(?:[-\w]{4})*(?:[-\w]{2,3})?$/;

/** What a request for a WebSocket says about tokens among its subprotocols. */
export interface ProtocolTokens {
  /** As they came, without their prefix. */
  readonly encoded: readonly string[];
  /** How many subprotocols there are besides. */
  readonly others: number;
}

/** Takes the tokens out of the subprotocols of a request, if it is one for a WebSocket. */
export function takeProtocolTokens(headers: IncomingHttpHeaders): ProtocolTokens | undefined {
  if (!isWebSocketRequest(headers)) return undefined;
  const all = subprotocolsOf(headers);
  const others = all.filter((name) => !name.startsWith(prefix));
  if (others.length === all.length) return undefined;
  setSubprotocols(headers, others);
  const encoded = all.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  return { encoded, others: others.length };
}

/**
 * The token that a request came with; undefined for an empty one. Throws 401 for several tokens, for what is none, and
 * for one alone: a browser must hear one of the subprotocols that it offered, which the token cannot be.
 */
export function protocolTokenOf({ encoded, others }: ProtocolTokens): string | undefined {
  const [first = '', ...more] = encoded;
  if (more.length > 0 || !base64url.test(first)) throw new StatusError(unauthorized());
  if (first === '') return undefined;
  const bytes = Buffer.from(first, 'base64url');
  if (!isUtf8(bytes) || others === 0) throw new StatusError(unauthorized());
  return bytes.toString();
}
