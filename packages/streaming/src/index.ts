export { type ClientStreams, dial, type DialOptions, HandshakeError, openStreams } from './client.ts';
export {
  channel,
  type ChannelProtocol,
  channelProtocols,
  chooseProtocol,
  decodeOutcome,
  encodeOutcome,
  type ExecOutcome,
  type TerminalSize,
} from './protocol.ts';
export { type ForwardedPort, openPort } from './port-client.ts';
export { relayUpgrade } from './relay.ts';
export {
  acceptLink,
  acceptSpdy,
  acceptStreams,
  acceptTunnel,
  offeredProtocols,
  refuseUpgrade,
  type ServerStreams,
} from './server.ts';
export { openSpdyStreams, type WantedStreams } from './spdy-client.ts';
export { acceptSpdyStreams, wantsBareSpdy } from './spdy-server.ts';
export { SpdySession, type SpdyStream } from './spdy-session.ts';
