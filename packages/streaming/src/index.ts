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
export { relayUpgrade } from './relay.ts';
export { acceptLink, acceptStreams, offeredProtocols, refuseUpgrade, type ServerStreams } from './server.ts';
