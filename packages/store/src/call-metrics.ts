/**
 * Counts calls and messages of the services that clients are offered, under the names that gRPC servers in Go use, so
 * that etcd's dashboards and alerts work. On the way of every request, so a call costs a few additions and no lookup.
 */
import { Counter, Histogram, type Registry } from 'prom-client';
import {
  type BidiCall,
  goStatusName,
  GrpcError,
  type MethodDefinition,
  type ServerCall,
  type ServerStreamCall,
  Status,
  type StatusCode,
} from '@timonier/grpc';
import type { ClientService } from './client-api.ts';
import { Tally } from './tally.ts';

type Kind = 'unary' | 'server_stream' | 'client_stream' | 'bidi_stream';

interface MethodCounts {
  readonly labels: {
    readonly grpc_method: string;
    readonly grpc_service: string;
    readonly grpc_type: Kind;
  };
  started: number;
  received: number;
  sent: number;
  /** By status code. */
  readonly handled: number[];
  readonly seconds: Histogram.Internal<'grpc_method' | 'grpc_service' | 'grpc_type'> | undefined;
}

const labelNames = ['grpc_method', 'grpc_service', 'grpc_type'] as const;
const codes = Object.values(Status);
const handlingBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export class CallMetrics {
  readonly #methods: MethodCounts[] = [];
  readonly #received: Tally;
  readonly #sent: Tally;
  readonly #seconds: Histogram<(typeof labelNames)[number]> | undefined;

  /** With `extensive`, the time of calls is kept as well. */
  constructor(registry: Registry, extensive: boolean) {
    const registers = [registry];
    this.#received = new Tally({
      name: 'etcd_network_client_grpc_received_bytes_total',
      help: 'Bytes of messages from clients.',
      registers,
    });
    this.#sent = new Tally({
      name: 'etcd_network_client_grpc_sent_bytes_total',
      help: 'Bytes of messages to clients.',
      registers,
    });
    this.#counter(registers, 'grpc_server_started_total', 'Calls begun.', ({ started }) => started);
    this.#counter(
      registers,
      'grpc_server_msg_received_total',
      'Messages received.',
      ({ received }) => received,
    );
    this.#counter(registers, 'grpc_server_msg_sent_total', 'Messages sent.', ({ sent }) => sent);
    const handled: Counter<'grpc_code' | (typeof labelNames)[number]> = new Counter({
      name: 'grpc_server_handled_total',
      help: 'Calls ended, by their status.',
      labelNames: ['grpc_code', ...labelNames],
      registers,
      collect: () => {
        handled.reset();
        for (const method of this.#methods)
          for (const code of codes)
            handled.inc({ grpc_code: goStatusName(code), ...method.labels }, method.handled[code] ?? 0);
      },
    });
    if (extensive)
      this.#seconds = new Histogram({
        name: 'grpc_server_handling_seconds',
        help: 'Time until a call had its answer.',
        labelNames,
        buckets: handlingBuckets,
        registers,
      });
  }

  #counter(registers: Registry[], name: string, help: string, read: (counts: MethodCounts) => number): void {
    const counter: Counter<(typeof labelNames)[number]> = new Counter({
      name,
      help,
      labelNames,
      registers,
      collect: () => {
        counter.reset();
        for (const method of this.#methods) counter.inc(method.labels, read(method));
      },
    });
  }

  /** The same service, counted. */
  count(service: ClientService): ClientService {
    const methods: Record<string, MethodDefinition> = {};
    const handlers: Record<string, unknown> = {};
    for (const [name, method] of Object.entries(service.definition.methods)) {
      const counts = this.#countsOf(service.definition.name, method);
      methods[name] = this.#counted(method, counts);
      const handler = service.handlers[name];
      if (handler !== undefined) handlers[name] = this.#watched(method, handler, counts);
    }
    return { ...service, definition: { ...service.definition, methods }, handlers };
  }

  #countsOf(service: string, { path, requestStream, responseStream }: MethodDefinition): MethodCounts {
    const kind: Kind = requestStream
      ? responseStream
        ? 'bidi_stream'
        : 'client_stream'
      : responseStream
        ? 'server_stream'
        : 'unary';
    const labels = {
      grpc_method: path.slice(path.lastIndexOf('/') + 1),
      grpc_service: service,
      grpc_type: kind,
    };
    const counts: MethodCounts = {
      labels,
      started: 0,
      received: 0,
      sent: 0,
      handled: codes.map(() => 0),
      seconds: this.#seconds?.labels(labels),
    };
    this.#methods.push(counts);
    return counts;
  }

  /** Counts messages where their bytes are known. */
  #counted(method: MethodDefinition, counts: MethodCounts): MethodDefinition {
    const { request, response } = method;
    return {
      ...method,
      request: {
        encode: (message) => request.encode(message),
        decode: (bytes) => {
          counts.received++;
          this.#received.inc(bytes.length);
          return request.decode(bytes);
        },
      },
      response: {
        encode: (message) => {
          const bytes = response.encode(message);
          counts.sent++;
          this.#sent.inc(bytes.length);
          return bytes;
        },
        decode: (bytes) => response.decode(bytes),
      },
    };
  }

  #watched(method: MethodDefinition, handler: unknown, counts: MethodCounts): unknown {
    const begin = (): number => {
      counts.started++;
      return counts.seconds === undefined ? 0 : performance.now();
    };
    const end = (code: StatusCode, since: number): void => {
      counts.handled[code] = (counts.handled[code] ?? 0) + 1;
      counts.seconds?.observe((performance.now() - since) / 1000);
    };
    const follow = (run: () => unknown): unknown => {
      const since = begin();
      let result: unknown;
      try {
        result = run();
      } catch (error) {
        end(codeOf(error), since);
        throw error;
      }
      if (!(result instanceof Promise)) {
        end(Status.OK, since);
        return result;
      }
      // On the side: the caller has the handler's own promise, and sees its errors.
      result.then(
        () => end(Status.OK, since),
        (error: unknown) => end(codeOf(error), since),
      );
      return result;
    };
    if (method.requestStream) {
      const bidi = handler as (call: BidiCall<object, object>) => Promise<void>;
      return (call: BidiCall<object, object>) => follow(() => bidi(call));
    }
    const single = handler as (request: object, call: ServerCall | ServerStreamCall<object>) => unknown;
    return (request: object, call: ServerCall) => follow(() => single(request, call));
  }
}

function codeOf(error: unknown): StatusCode {
  return error instanceof GrpcError ? error.code : Status.UNKNOWN;
}
