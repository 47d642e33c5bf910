export type {
  BidiStream,
  CallOptions,
  ClientKind,
  ClientOptions,
  ClientTls,
  ResponseStream,
} from './caller.ts';
export { createClient, GrpcClient } from './client.ts';
export { type Codec, type CodecOptions, CodecSet } from './codec.ts';
export { GrpcError, isUnavailable, Status, type StatusCode, statusName } from './error.ts';
export { type JsonForm, type JsonMethod, loadJson, loadServiceJson } from './json.ts';
export {
  loadMessage,
  loadRoot,
  loadService,
  type MethodDefinition,
  protoFolder,
  type ServiceDefinition,
  type ServiceShape,
} from './proto.ts';
export {
  type BidiCall,
  type BidiHandler,
  GrpcServer,
  type GrpcServerOptions,
  type Handlers,
  type ServerCall,
  type ServerKind,
  type ServerStreamCall,
  type ServerStreamHandler,
  type ServerTls,
  type UnaryHandler,
  type WebCall,
  type WebHandler,
} from './server.ts';
export { BackwardWriter, WireError, WireReader } from './wire.ts';
