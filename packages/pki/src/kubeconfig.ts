/**
 * kubeconfig files: how a client reaches a cluster and who it is. Written as YAML with everything embedded, so that
 * the file works wherever it is copied to; read from YAML or JSON, with files resolved against the file's folder.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parse, stringify } from 'yaml';
import { replaceFile } from './files.ts';

export interface KubeconfigSpec {
  /** Name of cluster, user and context. */
  readonly name: string;
  /** `https://host:port`. */
  readonly server: string;
  /** PEM. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
  /** Name the server's certificate is checked for, when it is not the address. */
  readonly tlsServerName?: string;
}

/** One context of a kubeconfig, resolved: PEM texts instead of files or base64. */
export interface Kubeconfig {
  readonly server: string;
  readonly ca: string | undefined;
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  readonly token: string | undefined;
  readonly namespace: string;
  readonly tlsServerName: string | undefined;
}

type Fields = Record<string, unknown>;

/** The document, as YAML. */
export function kubeconfigText(spec: KubeconfigSpec): string {
  return stringify(kubeconfigDocument(spec), { lineWidth: 0 });
}

export function kubeconfigDocument(spec: KubeconfigSpec): Fields {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: spec.name,
        cluster: {
          server: spec.server,
          'certificate-authority-data': base64(spec.ca),
          ...(spec.tlsServerName === undefined ? {} : { 'tls-server-name': spec.tlsServerName }),
        },
      },
    ],
    users: [
      {
        name: spec.name,
        user: {
          'client-certificate-data': base64(spec.certificate),
          'client-key-data': base64(spec.key),
        },
      },
    ],
    contexts: [{ name: spec.name, context: { cluster: spec.name, user: spec.name } }],
    'current-context': spec.name,
  };
}

/** Writes the kubeconfig, readable by its owner only. */
export async function writeKubeconfig(path: string, spec: KubeconfigSpec): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await replaceFile(path, kubeconfigText(spec), 0o600);
}

/** Reads one context (the current one by default). Throws with a sentence that names the file. */
export async function readKubeconfig(path: string, context?: string): Promise<Kubeconfig> {
  let document: Fields;
  try {
    document = fields(parse(await readFile(path, 'utf8')));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`cannot read kubeconfig ${path}: ${reason}`, { cause: error });
  }
  const contextName = context ?? text(document['current-context']) ?? '';
  const chosen = named(path, document, 'contexts', 'context', contextName);
  const cluster = named(path, document, 'clusters', 'cluster', text(chosen['cluster']) ?? '');
  const user = named(path, document, 'users', 'user', text(chosen['user']) ?? '');
  const server = text(cluster['server']);
  if (server === undefined) throw new Error(`kubeconfig ${path}: the cluster has no server`);
  const folder = dirname(path);
  return {
    server,
    ca: await pemOf(folder, cluster, 'certificate-authority'),
    certificate: await pemOf(folder, user, 'client-certificate'),
    key: await pemOf(folder, user, 'client-key'),
    token: text(user['token']),
    namespace: text(chosen['namespace']) ?? 'default',
    tlsServerName: text(cluster['tls-server-name']),
  };
}

function named(path: string, document: Fields, list: string, field: string, name: string): Fields {
  const entries: unknown = document[list];
  for (const entry of Array.isArray(entries) ? entries.map(fields) : []) {
    if (entry['name'] === name) return fields(entry[field]);
  }
  throw new Error(`kubeconfig ${path}: no entry "${name}" among its ${list}`);
}

async function pemOf(folder: string, source: Fields, name: string): Promise<string | undefined> {
  const data = text(source[`${name}-data`]);
  if (data !== undefined) return Buffer.from(data, 'base64').toString('utf8');
  const file = text(source[name]);
  return file === undefined ? undefined : readFile(resolve(folder, file), 'utf8');
}

function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
