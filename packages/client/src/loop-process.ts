/**
 * What every process of control loops shares: the flags that say how it reaches the API server and who holds the office,
 * and what its loops are started with. All of it ends with the process.
 */
import {
  type ComponentContext,
  type FlagSet,
  type Health,
  listFlag,
  stringFlag,
  UsageError,
} from '@timonier/component';
import type { Registry } from 'prom-client';
import { clientFromKubeconfig } from './kubeconfig.ts';
import { type Office, OfficeClient } from './office.ts';
import { restClientMetrics } from './rest-metrics.ts';
import type { ApiClient } from './types.ts';

export interface LoopLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** What control loops are started with. */
export interface StartContext {
  readonly client: ApiClient;
  /** Absent: nobody else acts, so the loops always do. */
  readonly office?: Office | undefined;
  readonly log: LoopLog;
  readonly metrics: Registry;
  readonly health: Health;
}

export const loopFlags = {
  kubeconfig: stringFlag('', 'how to reach the API server'),
  socket: stringFlag('', "this host's private API server socket, used instead of the kubeconfig's server"),
  servers: listFlag([], "API servers, used instead of the kubeconfig's, first one first"),
  'office-socket': stringFlag('', 'where the office is published; without it the process always acts'),
} satisfies FlagSet;

/** `name` is what the API server is told of who asks. Throws a UsageError without a kubeconfig. */
export function startContextOf(
  { flags, log, metrics, health, shutdown }: ComponentContext<typeof loopFlags>,
  name: string,
): StartContext {
  if (flags.kubeconfig === '') throw new UsageError('--kubeconfig is needed');
  const client = clientFromKubeconfig(flags.kubeconfig, {
    servers: flags.servers,
    ...(flags.socket === '' ? {} : { socketPath: flags.socket }),
    userAgent: `timonier-${name}`,
    metrics: restClientMetrics(metrics),
  });
  shutdown.add('client', () => client.close());
  const office = flags['office-socket'] === '' ? undefined : new OfficeClient(flags['office-socket']);
  if (office !== undefined) shutdown.add('office', () => office.close());
  return { client, office, log, metrics, health };
}
