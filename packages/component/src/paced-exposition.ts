/**
 * The text of a registry, made in short turns: an API server has ten thousand lines to tell, which take tens of
 * milliseconds to write, and whoever sends a request meanwhile should not wait for all of them.
 */
import type { Registry } from 'prom-client';
import type { Exposition } from './ops-server.ts';

/** Of writing, before others get a turn. */
const turnMs = 4;

export function pacedExposition(registry: Registry): Exposition {
  return {
    get contentType() {
      return registry.contentType;
    },
    metrics: async () => {
      const texts: string[] = [];
      let since = performance.now();
      for (const { name } of registry.getMetricsAsArray()) {
        texts.push(await registry.getSingleMetricAsString(name));
        if (performance.now() - since < turnMs) continue;
        await new Promise((resolve) => setImmediate(resolve));
        since = performance.now();
      }
      return `${texts.join('\n\n')}\n`;
    },
  };
}
