/**
 * Asks a gRPC server for its health, by gRPC's own protocol for that, on a connection of its own and without TLS. The
 * reasons of failures are those of upstream's kubelet.
 */
import type { GRPCAction } from '@timonier/api';
import { goErrorText, GrpcError, Status } from '@timonier/grpc';
import { connectService, defineService } from '@timonier/grpc/cri';

interface HealthMethods {
  readonly Check: {
    readonly request: { readonly service: string };
    readonly response: { readonly status: string };
    readonly streams: false;
  };
}

export const healthService = defineService<HealthMethods>('health/health.proto', 'grpc.health.v1.Health');

/** Resolves with undefined for a server that serves, and with why it does not, after `timeoutMs` at the latest. */
export async function grpcProblem(
  { port, service }: GRPCAction,
  host: string,
  timeoutMs: number,
): Promise<string | undefined> {
  const { call, close } = connectService(healthService, `${host}:${port}`);
  try {
    const { status } = await call.Check({ service: service ?? '' }, { timeoutMs });
    return status === 'SERVING' ? undefined : `service unhealthy (responded with "${status}")`;
  } catch (error) {
    return reasonOf(error, `${host}:${port}`, timeoutMs);
  } finally {
    close();
  }
}

function reasonOf(error: unknown, address: string, timeoutMs: number): string {
  if (!(error instanceof GrpcError)) throw error;
  switch (error.code) {
    case Status.UNIMPLEMENTED:
      return `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${error.details}`;
    case Status.DEADLINE_EXCEEDED:
      return `timeout: health rpc did not complete within ${timeoutMs / 1_000}s`;
    case Status.UNAVAILABLE:
      return `timeout: failed to connect service "${address}" within ${timeoutMs / 1_000}s: ${error.details}`;
    default:
      return `error: health rpc probe failed: ${goErrorText(error)}`;
  }
}
