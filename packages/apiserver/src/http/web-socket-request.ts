/** Requests for a WebSocket, and the subprotocols that they are asked for with. */
import type { IncomingHttpHeaders } from 'node:http';
import { isShortList } from './list-fields.ts';

const protocolHeader = 'sec-websocket-protocol';

/** As upstream tells it: by the two headers, whatever the method and the handshake. */
export function isWebSocketRequest({ upgrade, connection }: IncomingHttpHeaders): boolean {
  if (upgrade?.toLowerCase() !== 'websocket' || !isShortList(connection ?? '')) return false;
  return (connection ?? '').split(',').some((option) => option.trim().toLowerCase() === 'upgrade');
}

/** In the client's order. */
export function subprotocolsOf({ [protocolHeader]: names }: IncomingHttpHeaders): string[] {
  const all = typeof names === 'string' ? names.split(',') : [];
  return all.map((name) => name.trim()).filter((name) => name !== '');
}

export function setSubprotocols(headers: IncomingHttpHeaders, names: readonly string[]): void {
  if (names.length === 0) delete headers[protocolHeader];
  else headers[protocolHeader] = names.join(', ');
}
