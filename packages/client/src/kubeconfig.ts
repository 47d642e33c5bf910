/**
 * Reads a kubeconfig's current context into client options. File paths inside are relative to the kubeconfig;
 * exec plugins and auth providers are refused by name, because silently ignoring them would hide the reason why
 * the server then answers 401.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { type ClientOptions, createClient } from './client.ts';
import type { ApiClient } from './types.ts';

interface Named<K extends string, V> {
  readonly name?: string;
  readonly value?: V;
  readonly key?: K;
}

interface Kubeconfig {
  readonly 'current-context'?: string;
  readonly contexts?: readonly (Named<'context', never> & {
    context?: { cluster?: string; user?: string; namespace?: string };
  })[];
  readonly clusters?: readonly (Named<'cluster', never> & {
    cluster?: {
      server?: string;
      'certificate-authority'?: string;
      'certificate-authority-data'?: string;
      'insecure-skip-tls-verify'?: boolean;
      'tls-server-name'?: string;
    };
  })[];
  readonly users?: readonly (Named<'user', never> & {
    user?: {
      'client-certificate'?: string;
      'client-certificate-data'?: string;
      'client-key'?: string;
      'client-key-data'?: string;
      token?: string;
      tokenFile?: string;
      exec?: unknown;
      'auth-provider'?: unknown;
    };
  })[];
}

export interface LoadedKubeconfig extends ClientOptions {
  readonly servers: readonly string[];
  /** Namespace of the context; `default` when it names none. */
  readonly namespace: string;
}

/** Client options of a kubeconfig. Throws with the file's name when it is not usable. */
export function loadKubeconfig(path: string, contextName?: string): LoadedKubeconfig {
  const fail = (why: string): never => {
    throw new Error(`kubeconfig ${path}: ${why}`);
  };
  let config: Kubeconfig;
  try {
    config = (parse(readFileSync(path, 'utf8')) ?? {}) as Kubeconfig;
  } catch (error) {
    throw new Error(`kubeconfig ${path}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  const wanted = contextName ?? config['current-context'] ?? '';
  const context = config.contexts?.find((entry) => entry.name === wanted)?.context;
  if (context === undefined) return fail(`it has no context "${wanted}"`);
  const cluster = config.clusters?.find((entry) => entry.name === context.cluster)?.cluster;
  if (cluster?.server === undefined) return fail(`it has no server for cluster "${context.cluster ?? ''}"`);
  const user = config.users?.find((entry) => entry.name === context.user)?.user ?? {};
  if (user.exec !== undefined || user['auth-provider'] !== undefined) {
    return fail(
      'credentials from exec plugins and auth providers are not supported; use a certificate or token',
    );
  }
  const base = dirname(path);
  const material = (data: string | undefined, file: string | undefined): Buffer | undefined => {
    if (data !== undefined) return Buffer.from(data, 'base64');
    return file === undefined ? undefined : readFileSync(resolve(base, file));
  };
  const ca = material(cluster['certificate-authority-data'], cluster['certificate-authority']);
  const cert = material(user['client-certificate-data'], user['client-certificate']);
  const key = material(user['client-key-data'], user['client-key']);
  const token = user.token ?? material(undefined, user.tokenFile)?.toString('utf8').trim();
  const serverName = cluster['tls-server-name'];
  return {
    servers: [cluster.server],
    namespace: context.namespace ?? 'default',
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(token === undefined ? {} : { token }),
    ...(serverName === undefined ? {} : { serverName }),
    ...(cluster['insecure-skip-tls-verify'] === true ? { insecureSkipVerify: true } : {}),
  };
}

/** A client with a kubeconfig's identity; `servers` or `socketPath` replace the server that the file names. */
export function clientFromKubeconfig(
  path: string,
  options: Omit<ClientOptions, 'ca' | 'cert' | 'key' | 'token'> = {},
): ApiClient {
  const loaded = loadKubeconfig(path);
  const servers =
    options.servers !== undefined && options.servers.length > 0 ? options.servers : loaded.servers;
  return createClient({ ...loaded, ...options, servers });
}
