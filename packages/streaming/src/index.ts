export { type ClientStreams, dial, HandshakeError, openStreams } from './client.ts';
export { endWith } from './last-words.ts';
export { acceptMessages, handshakeProblem, type MessageWriter } from './messages.ts';
export { openPort } from './port-client.ts';
export { relayUpgrade } from './relay.ts';
export {
  acceptLink,
  acceptSpdy,
  acceptStreams,
  acceptTunnel,
  offeredProtocols,
  refuseUpgrade,
} from './server.ts';
export { openSpdyStreams, type WantedStreams } from './spdy-client.ts';
export { acceptSpdyStreams, wantsBareSpdy } from './spdy-server.ts';
export { SpdySession, type SpdyStream } from './spdy-session.ts';
