/**
 * Finds and loads the repository's `.proto` files, and turns their services and messages into codecs.
 *
 * Paths are relative to the `proto` folder, which lies at the root of the source tree or beside the folder of a
 * bundle. Parsed files are kept for the life of the process.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import { type Codec, CodecSet, type CodecOptions } from './codec.ts';

/** Types of each method, by method name in lower camel case; without a `kind` it is unary. */
export type ServiceShape = Record<
  string,
  { request: object; response: object; kind?: 'unary' | 'server-stream' | 'bidi' }
>;

export interface MethodDefinition {
  readonly name: string;
  /** `/package.Service/Method` */
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly request: Codec;
  readonly response: Codec;
}

export interface ServiceDefinition<S extends ServiceShape = ServiceShape> {
  /** Full name, such as `etcdserverpb.KV`. */
  readonly name: string;
  readonly methods: Readonly<Record<string, MethodDefinition>>;
  /** Carries the shape for inference; never set. */
  readonly __shape?: S;
}

const roots = new Map<string, protobuf.Root>();
let folder: string | undefined;

/** The `proto` folder this process uses. Throws when there is none. */
function protoFolder(): string {
  if (folder !== undefined) return folder;
  const here = dirname(fileURLToPath(import.meta.url));
  const candidates = [join(here, '../../../proto'), join(here, '../proto'), join(here, 'proto')];
  folder = candidates.find((candidate) => existsSync(candidate));
  if (folder === undefined) throw new Error(`no proto folder at any of ${candidates.join(', ')}`);
  return folder;
}

/** Parses a file and what it imports. Fields are in camelCase unless their original names are asked for. */
export function loadRoot(
  protoPath: string,
  { originalNames = false }: { readonly originalNames?: boolean } = {},
): protobuf.Root {
  const id = originalNames ? `${protoPath} as written` : protoPath;
  const known = roots.get(id);
  if (known !== undefined) return known;
  const base = protoFolder();
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => (target.startsWith('/') ? target : join(base, target));
  root.loadSync(protoPath, { keepCase: originalNames });
  root.resolveAll();
  roots.set(id, root);
  return root;
}

/** The codec of one message, by full name. */
export function loadMessage<T extends object>(
  protoPath: string,
  typeName: string,
  options: CodecOptions = {},
): Codec<T> {
  return new CodecSet(options).codec<T>(loadRoot(protoPath).lookupType(typeName));
}

/** Loads a service, such as `loadService<KvShape>('etcd/rpc.proto', 'etcdserverpb.KV')`. */
export function loadService<S extends ServiceShape = ServiceShape>(
  protoPath: string,
  serviceName: string,
  options: CodecOptions = {},
): ServiceDefinition<S> {
  const root = loadRoot(protoPath);
  const service = root.lookupService(serviceName);
  const codecs = new CodecSet(options);
  const methods: Record<string, MethodDefinition> = {};
  for (const method of service.methodsArray) {
    const original = method.name;
    const name = original.charAt(0).toLowerCase() + original.slice(1);
    methods[name] = {
      name,
      path: `/${serviceName}/${original}`,
      requestStream: method.requestStream === true,
      responseStream: method.responseStream === true,
      request: codecs.codec(service.lookupType(method.requestType)),
      response: codecs.codec(service.lookupType(method.responseType)),
    };
  }
  return { name: serviceName, methods };
}
