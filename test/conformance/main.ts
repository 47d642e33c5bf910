/** `npm run conformance -- SUITE [FLAGS]`: what one compares with the real thing that is too big for `npm test`. */
const suites: Readonly<Record<string, () => Promise<unknown>>> = {
  clients: () => import('./clients/main.ts'),
  metrics: () => import('./metrics/main.ts'),
  peer: () => import('./peer/main.ts'),
  upstream: () => import('./upstream/main.ts'),
};

const suite = suites[process.argv[2] ?? ''];
if (suite === undefined) {
  console.error(`usage: npm run conformance -- ${Object.keys(suites).join('|')} [FLAGS]`);
  process.exit(2);
}
await suite();
