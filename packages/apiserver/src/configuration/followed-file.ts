/**
 * A file of the command line that is looked at again every second. A change that makes no sense is reported and counted,
 * and what held before goes on.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { Counter, Gauge, type Registry } from 'prom-client';

const everyMs = 1_000;

export interface FollowOptions {
  readonly path: string;
  /** `hashOf` the text that holds now. */
  readonly hash: string;
  /** Takes a new text over. Throws with what is wrong with it, having changed nothing. */
  readonly take: (text: string) => void | Promise<void>;
  /** For the log: `the encryption configuration`. */
  readonly what: string;
  /** Of the two metrics' names: `apiserver_encryption_config_controller`. */
  readonly prefix: string;
  readonly log: Pick<Logger, 'info' | 'error'>;
  readonly metrics: Registry;
}

export function hashOf(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

/** Follows the file until the function returned is called. */
export function followFile({ path, hash, take, what, prefix, log, metrics }: FollowOptions): () => void {
  const reloads = new Counter({
    name: `${prefix}_automatic_reloads_total`,
    help: `Changes of ${what} that were taken over, or could not be.`,
    labelNames: ['status'],
    registers: [metrics],
  });
  for (const status of ['success', 'failure']) reloads.inc({ status }, 0);
  const info = new Gauge({
    name: `${prefix}_last_config_info`,
    help: `What says that ${what} is in use: its hash.`,
    aggregator: 'max',
    labelNames: ['hash'],
    registers: [metrics],
  });
  info.set({ hash }, 1);
  let current = hash;
  let refused = '';
  let isLooking = false;
  const look = async (): Promise<void> => {
    let found = '';
    try {
      const text = await readFile(path, 'utf8');
      found = hashOf(text);
      if (found === current) {
        refused = '';
        return;
      }
      if (found === refused) return;
      await take(text);
      current = found;
      info.reset();
      info.set({ hash: found }, 1);
      reloads.inc({ status: 'success' });
      log.info({ hash: found }, `took over ${what}`);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (refused === (found || reason)) return;
      refused = found || reason;
      reloads.inc({ status: 'failure' });
      log.error({ reason }, `${what} is no good: the one before goes on`);
    }
  };
  const timer = setInterval(() => {
    if (isLooking) return;
    isLooking = true;
    void look().finally(() => {
      isLooking = false;
    });
  }, everyMs).unref();
  return () => clearInterval(timer);
}
