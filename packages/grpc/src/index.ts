export type { BidiStream, ClientKind, ClientTls } from './caller.ts';
export { createClient, GrpcClient } from './client.ts';
export type { Beats, KeepaliveOptions } from './h2/keepalive.ts';
export { goErrorText, goStatusName, GrpcError, Status, type StatusCode, statusName } from './error.ts';
export { type JsonMethod, loadServiceJson } from './json.ts';
export {
  loadMessage,
  loadRoot,
  loadService,
  type MethodDefinition,
  type ServiceDefinition,
  type ServiceShape,
} from './proto.ts';
export {
  type BidiCall,
  type BidiHandler,
  GrpcServer,
  type Handlers,
  type ServerCall,
  type ServerKind,
  type ServerStreamCall,
  type ServerStreamHandler,
  type ServerTls,
  type UnaryHandler,
  type WebCall,
} from './server.ts';
