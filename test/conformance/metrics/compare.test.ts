import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareExpositions, compareIncreases, increases } from './compare.ts';
import { parseExposition } from './exposition.ts';

const theirs = parseExposition(
  [
    '# TYPE same counter',
    'same{verb="GET",name="a \\"quoted\\" one"} 1',
    '# TYPE gone gauge',
    'gone 1',
    '# TYPE labels counter',
    'labels{a="1",b="2"} 1',
    '# TYPE type counter',
    'type 1',
    '# TYPE buckets histogram',
    'buckets_bucket{le="0.1"} 1',
    'buckets_bucket{le="+Inf"} 1',
    'buckets_sum 0.05',
    'buckets_count 1',
    '# TYPE values counter',
    'values{verb="GET"} 1',
    'values{verb="POST"} 1',
    '# TYPE rounded histogram',
    'rounded_bucket{le="9.999999999999999e-06"} 1',
    'rounded_bucket{le="+Inf"} 1',
  ].join('\n'),
);
const ours = parseExposition(
  [
    '# TYPE same counter',
    'same{verb="GET",name="b"} 1',
    '# TYPE labels counter',
    'labels{a="1",c="2"} 1',
    '# TYPE type gauge',
    'type 1',
    '# TYPE buckets histogram',
    'buckets_bucket{le="0.2"} 1',
    'buckets_bucket{le="+Inf"} 1',
    '# TYPE values counter',
    'values{verb="GET"} 1',
    'values{verb="CREATE"} 1',
    '# TYPE extra gauge',
    'extra 1',
    '# TYPE silent gauge',
    '# TYPE rounded histogram',
    'rounded_bucket{le="0.00001"} 1',
    'rounded_bucket{le="+Inf"} 1',
  ].join('\n'),
);

test('every kind of difference is told, and what is equal is not', () => {
  assert.deepEqual(
    compareExpositions(theirs, ours).map(({ metric, kind, detail }) => `${metric}: ${kind}: ${detail}`),
    [
      'buckets: other buckets: 0.1 Infinity there, 0.2 Infinity here',
      'extra: only here: ',
      'gone: missing here: ',
      'labels: other labels: only there "b", only here "c"',
      'rounded: equal: ',
      'same: equal: ',
      'type: other type: counter there, gauge here',
      'values: other values: verb: only there "POST", only here "CREATE"',
    ],
  );
});

test('what rose is compared by its labels', () => {
  const at = (get: number, post: number) =>
    parseExposition(
      `# TYPE requests counter\nrequests{verb="GET"} ${get}\nrequests{verb="POST"} ${post}\nrequests{verb="PUT"} 7`,
    );
  const rose = (to: ReturnType<typeof at>) => increases(at(1, 1), to, 'requests', () => true);
  assert.deepEqual(compareIncreases(rose(at(3, 1)), rose(at(3, 1))), []);
  assert.deepEqual(compareIncreases(rose(at(3, 1)), rose(at(2, 2))), [
    '{verb="GET"} rose by 2 there and by 1 here',
    '{verb="POST"} rose by 0 there and by 1 here',
  ]);
});

test('a line that is none of Prometheus’ is an error', () => {
  assert.throws(() => parseExposition('requests{verb="GET" 1 2 3'), /no line of an exposition/);
});
