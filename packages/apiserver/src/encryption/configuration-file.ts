/**
 * The file of `--encryption-provider-config`: read at start, when what is wrong with it ends the process, and looked at
 * again every second. A change that makes no sense is reported and counted, and what held before goes on.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { Counter, Gauge, type Registry } from 'prom-client';
import { parseEncryptionConfiguration, type ResourceEncryption } from './configuration.ts';

const everyMs = 1_000;

export interface EncryptionFile {
  readonly path: string;
  readonly configuration: readonly ResourceEncryption[];
  readonly hash: string;
}

/** Throws with the reason. */
export async function readEncryptionFile(path: string): Promise<EncryptionFile> {
  const text = await readFile(path, 'utf8');
  return { path, configuration: parseEncryptionConfiguration(text), hash: hashOf(text) };
}

export function hashOf(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

export interface FollowOptions {
  readonly file: EncryptionFile;
  readonly onChange: (configuration: readonly ResourceEncryption[]) => void;
  readonly log: Pick<Logger, 'info' | 'error'>;
  readonly metrics: Registry;
}

/** Follows the file until the function returned is called. */
export function followEncryptionFile({ file, onChange, log, metrics }: FollowOptions): () => void {
  const reloads = new Counter({
    name: 'apiserver_encryption_config_controller_automatic_reloads_total',
    help: 'Changes of the encryption configuration that were taken over, or could not be.',
    labelNames: ['status'],
    registers: [metrics],
  });
  for (const status of ['success', 'failure']) reloads.inc({ status }, 0);
  const info = new Gauge({
    name: 'apiserver_encryption_config_controller_last_config_info',
    help: 'The encryption configuration in use, by its hash.',
    aggregator: 'max',
    labelNames: ['hash'],
    registers: [metrics],
  });
  info.set({ hash: file.hash }, 1);
  let current = file.hash;
  let refused = '';
  const look = async (): Promise<void> => {
    let hash = '';
    try {
      const text = await readFile(file.path, 'utf8');
      hash = hashOf(text);
      if (hash === current) {
        refused = '';
        return;
      }
      if (hash === refused) return;
      onChange(parseEncryptionConfiguration(text));
      current = hash;
      info.reset();
      info.set({ hash }, 1);
      reloads.inc({ status: 'success' });
      log.info({ hash }, 'took over the encryption configuration');
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (refused === (hash || reason)) return;
      refused = hash || reason;
      reloads.inc({ status: 'failure' });
      log.error({ reason }, 'the encryption configuration is no good: the one before goes on');
    }
  };
  const timer = setInterval(() => void look(), everyMs).unref();
  return () => clearInterval(timer);
}
