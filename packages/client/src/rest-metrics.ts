/** `rest_client_*`: what a component asks of API servers, as every upstream client tells it. For one registry. */
import { Counter, Histogram, type Registry } from 'prom-client';

/** Told by a client of each attempt of a request. */
export interface ClientMetrics {
  /** `code` undefined: there was no answer. Seconds until the answer's headers. */
  answered(method: string, host: string, code: number | undefined, seconds: number, sentBytes: number): void;
  /** The whole body of an answer has come. */
  received(method: string, host: string, bytes: number): void;
}

const secondsBuckets = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60];
const sizeBuckets = [64, 256, 512, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216];

const known = new WeakMap<Registry, ClientMetrics>();

/** All clients of a component share them. */
export function restClientMetrics(registry: Registry): ClientMetrics {
  let metrics = known.get(registry);
  if (metrics === undefined) known.set(registry, (metrics = register(registry)));
  return metrics;
}

function register(registry: Registry): ClientMetrics {
  const registers = [registry];
  const requests = new Counter({
    name: 'rest_client_requests_total',
    help: 'Requests to API servers, by the code of the answer.',
    labelNames: ['code', 'method', 'host'],
    registers,
  });
  const histogram = (name: string, help: string, buckets: number[]): Histogram<'verb' | 'host'> =>
    new Histogram({ name, help, labelNames: ['verb', 'host'], buckets, registers });
  const duration = histogram(
    'rest_client_request_duration_seconds',
    'Seconds until API servers began to answer.',
    secondsBuckets,
  );
  const requestSize = histogram('rest_client_request_size_bytes', 'Bytes of requests’ bodies.', sizeBuckets);
  const responseSize = histogram('rest_client_response_size_bytes', 'Bytes of answers’ bodies.', sizeBuckets);
  return {
    answered: (method, host, code, seconds, sentBytes) => {
      requests.inc({ code: code === undefined ? '<error>' : String(code), method, host });
      duration.observe({ verb: method, host }, seconds);
      requestSize.observe({ verb: method, host }, sentBytes);
    },
    received: (method, host, bytes) => responseSize.observe({ verb: method, host }, bytes),
  };
}
