/** `npm run conformance -- SUITE`: what one compares with the real thing that is too big for `npm test`. */
import { defineGroup } from '@timonier/component';

const call = 'npm run conformance --';

const conformance = defineGroup({
  call,
  what: 'suite',
  summary: 'compares with the real thing what is too big for npm test',
  programs: {
    clients: async () => (await import('./clients/main.ts')).suite,
    e2e: async () => (await import('./e2e/main.ts')).suite,
    metrics: async () => (await import('./metrics/main.ts')).suite,
    peer: async () => (await import('./peer/main.ts')).suite,
    upstream: async () => (await import('./upstream/main.ts')).suite,
  },
  examples: [`${call} clients --nodes 0`, `${call} peer --only '^verbs'`],
});

// Whatever is still open: all that it made is gone by now.
process.exit(await conformance(process.argv.slice(2)));
