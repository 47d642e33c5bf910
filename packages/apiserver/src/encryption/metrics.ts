/** What encryption tells Prometheus: whether all is readable, and whether all is sealed as it should be today. */
import { type Aggregator, Gauge, type Registry } from 'prom-client';
import type { WatchCache } from '../cache/watch-cache.ts';
import type { Rewriter } from './rewriter.ts';
import type { Sealer } from './sealer.ts';

export function exposeEncryption(
  registry: Registry,
  sealer: Sealer,
  cache: WatchCache,
  rewriter: Rewriter,
): void {
  // Of several processes on one master, the one that has the duty knows most.
  const add = (name: string, help: string, value: () => number, aggregator: Aggregator = 'max'): void => {
    const gauge: Gauge = new Gauge({
      name,
      help,
      aggregator,
      registers: [registry],
      collect: () => gauge.set(value()),
    });
  };
  add(
    'timonier_encryption_unreadable_objects',
    'Objects in the store that no key opens.',
    () => cache.unreadableUnder('').length,
  );
  add(
    'timonier_encryption_open_failures',
    'Attempts to open a value that failed, since the start.',
    () => sealer.failures,
    'sum',
  );
  add(
    'timonier_encryption_stale_objects',
    'Objects still sealed with another key than the first; -1 where nobody has looked yet, as on passive masters.',
    () => rewriter.stale ?? -1,
  );
}
