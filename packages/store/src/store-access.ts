/** How the verbs on a running store reach it, and what they say when they cannot. */
import { UsageError } from '@timonier/component';
import { type ClientTls, createClient, GrpcError, Status } from '@timonier/grpc';
import { authService } from './client-services.ts';

export interface StoreAccess {
  /** `host:port` or `unix:/path`. */
  readonly target: string;
  readonly tls: ClientTls | undefined;
  /** `name:password` where the store asks who is there. */
  readonly user: string;
}

/** The metadata that says who calls. Rejects when name or password are wrong. */
export async function login({ target, tls, user }: StoreAccess): Promise<Record<string, string>> {
  if (user === '') return {};
  const colon = user.indexOf(':');
  if (colon < 0) throw new UsageError('--user must be name:password');
  const client = createClient(authService, target, tls === undefined ? {} : { tls });
  try {
    const { token } = (await client.unary('authenticate', {
      name: user.slice(0, colon),
      password: user.slice(colon + 1),
    })) as { token: string };
    return { token };
  } finally {
    client.close();
  }
}

/** The same error for who typed the command: what the store refused in its words, and what to do where none answered. */
export function explainedAccess(error: unknown, target: string): unknown {
  if (!(error instanceof GrpcError)) return error;
  // What a member says itself begins so, and then one was reached.
  const isReached = error.code !== Status.UNAVAILABLE || error.details.startsWith('etcdserver');
  return new Error(
    isReached
      ? error.details
      : `cannot reach a store at ${target}: ${error.details}; name a member with --endpoint`,
    { cause: error },
  );
}
