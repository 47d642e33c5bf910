/**
 * Brings the kernel to the newest Services and EndpointSlices: collects changes for a moment, compiles, and applies
 * the difference to what it last applied in one nft transaction. When nft refuses, or the table has gone (somebody
 * flushed the ruleset), the whole table is loaded again. One sync runs at a time; changes during it start the next.
 */
import { isIPv4 } from 'node:net';
import type { EndpointSlice, Service } from '@timonier/api';
import { loadNftables, runCommand } from '@timonier/network';
import type { ProxyMetrics } from './metrics.ts';
import { renderChange, renderFull, tableName, type RulesetOptions } from './ruleset.ts';
import { compileServiceTable, setNames, type ServiceTable } from './service-table.ts';

export interface SyncerOptions {
  readonly nodeName: string;
  readonly services: () => readonly Service[];
  readonly slices: () => readonly EndpointSlice[];
  readonly ruleset: () => Promise<RulesetOptions>;
  readonly metrics: ProxyMetrics;
  readonly onError: (error: unknown) => void;
  readonly debounceMs?: number;
}

const retryMs = 1_000;
const verifyMs = 30_000;

export class Syncer {
  readonly #options: SyncerOptions;
  #applied: { table: ServiceTable; options: string } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #verifier: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;
  #failure: unknown;

  constructor(options: SyncerOptions) {
    this.#options = options;
    this.#verifier = setInterval(() => void this.#verify(), verifyMs);
  }

  /** Why the newest state is not in force; undefined when it is, or has not been tried. */
  get failure(): unknown {
    return this.#failure;
  }

  get hasSynced(): boolean {
    return this.#applied !== undefined;
  }

  /** Asks for a sync soon. */
  trigger(delayMs = this.#options.debounceMs ?? 10): void {
    if (this.#stopped || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#running = this.#running.then(() => this.#sync());
    }, delayMs);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearInterval(this.#verifier);
    await this.#running;
  }

  async #sync(): Promise<void> {
    if (this.#stopped) return;
    const { metrics } = this.#options;
    const started = performance.now();
    try {
      const ruleset = await this.#options.ruleset();
      const options = JSON.stringify(ruleset);
      const next = compileServiceTable(
        this.#options.services(),
        this.#options.slices(),
        this.#options.nodeName,
      );
      const before = this.#applied;
      const full = before === undefined || before.options !== options;
      const text = full ? renderFull(next, ruleset) : renderChange(before.table, next);
      if (text !== '') {
        // Until nft has answered, what is in force is unknown; a failure then loads everything.
        this.#applied = undefined;
        await loadNftables(text);
      }
      this.#applied = { table: next, options };
      this.#failure = undefined;
      if (text !== '') {
        metrics.syncDuration.observe(
          { kind: full ? 'full' : 'change' },
          (performance.now() - started) / 1000,
        );
        for (const set of setNames) metrics.elements.set({ set }, next[set].size);
        if (before !== undefined) await forgetDatagrams(before.table, next);
      }
      metrics.lastSync.set(Date.now() / 1000);
    } catch (error) {
      this.#failure = error;
      metrics.syncFailures.inc();
      this.#options.onError(error);
      this.trigger(retryMs);
    }
  }

  async #verify(): Promise<void> {
    if (this.#applied === undefined || this.#stopped) return;
    await runCommand('nft', ['-t', 'list', 'table', 'ip', tableName]).catch(() => {
      this.#applied = undefined;
      this.trigger(0);
    });
  }
}

const maxForgotten = 256;

/**
 * UDP has no connections that end: conntrack would go on sending a client's datagrams to an endpoint that is gone
 * for as long as they keep coming. Entries to removed endpoints are deleted.
 */
async function forgetDatagrams(before: ServiceTable, after: ServiceTable): Promise<void> {
  const still = new Set(after.endpoints.values());
  const gone = new Set<string>();
  for (const [key, target] of [...before.endpoints, ...before.node_endpoints]) {
    const udp = key.includes(' . udp . ') || key.startsWith('udp . ');
    if (udp && !still.has(target)) gone.add(target.split(' . ')[0] ?? '');
  }
  for (const address of [...gone].filter((one) => isIPv4(one)).slice(0, maxForgotten)) {
    // Exit code 1 means that there was no such entry.
    await runCommand('conntrack', ['-D', '-p', 'udp', '--dst-nat', address]).catch(() => undefined);
  }
}
