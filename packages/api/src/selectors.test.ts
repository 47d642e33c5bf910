import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { checkFieldSelector, fieldValue, parseFieldSelector } from './field-selector.ts';
import {
  formatLabelSelector,
  matchesLabels,
  parseLabelSelector,
  requirementsOf,
  SelectorError,
  selectorMatches,
  type LabelRequirement,
} from './label-selector.ts';
import { registry, type ResourceInfo } from './registry.ts';

describe('a label selector', () => {
  const labels = { app: 'web', tier: 'front', n: '5', empty: '' };
  const matching = [
    '',
    'app=web',
    'app==web',
    'app',
    '!old',
    'app!=db',
    'old!=x',
    'app in (web, db)',
    'app notin (db),tier=front',
    'n>4',
    'n<6',
    'empty=',
    'empty in ()',
    ' app = web , tier ',
  ];
  const failing = [
    'app=db',
    '!app',
    'old',
    'app!=web',
    'app in (db)',
    'app notin (web,db)',
    'n>5',
    'app>1',
    'old=',
  ];
  for (const text of matching) {
    it(`takes the labels by ${JSON.stringify(text)}`, () =>
      assert.equal(matchesLabels(parseLabelSelector(text), labels), true));
  }
  for (const text of failing) {
    it(`leaves the labels by ${JSON.stringify(text)}`, () =>
      assert.equal(matchesLabels(parseLabelSelector(text), labels), false));
  }
  for (const bad of [
    'a=b,',
    ',a',
    'a in b',
    'a in (b',
    '=x',
    'a=b c',
    'a=b=c',
    'a>x',
    'a/b/c=d',
    'a==!b',
    'a()',
    `a=${'x'.repeat(64)}`,
  ]) {
    it(`is refused when it reads ${JSON.stringify(bad).slice(0, 24)}`, () => {
      assert.throws(() => parseLabelSelector(bad), SelectorError);
    });
  }

  it('means the same after being written and read again', () => {
    const word = fc.stringMatching(/^[a-z0-9]([-a-z0-9_.]{0,5}[a-z0-9])?$/);
    const one = fc.oneof(
      fc.record({
        key: word,
        operator: fc.constantFrom('in' as const, 'notin' as const),
        values: fc.uniqueArray(word, { minLength: 1, maxLength: 3 }),
      }),
      fc.record({
        key: word,
        operator: fc.constantFrom('exists' as const, '!' as const),
        values: fc.constant([] as string[]),
      }),
      fc.record({
        key: word,
        operator: fc.constantFrom('gt' as const, 'lt' as const),
        values: fc.nat().map((n) => [String(n)]),
      }),
    );
    const reserved = new Set(['in', 'notin']);
    fc.assert(
      fc.property(
        fc.array(one, { maxLength: 4 }),
        fc.dictionary(word, word, { maxKeys: 4 }),
        (given, labels) => {
          const list: LabelRequirement[] = given.filter((r) => !reserved.has(r.key));
          const again = parseLabelSelector(formatLabelSelector(list));
          assert.equal(matchesLabels(again, labels), matchesLabels(list, labels));
          assert.equal(formatLabelSelector(again), formatLabelSelector(list));
        },
      ),
    );
  });

  it('as an object selects nothing when missing and everything when empty', () => {
    assert.equal(selectorMatches(undefined, labels), false);
    assert.equal(selectorMatches({}, labels), true);
    assert.equal(
      selectorMatches(
        { matchLabels: { app: 'web' }, matchExpressions: [{ key: 'old', operator: 'DoesNotExist' }] },
        labels,
      ),
      true,
    );
    assert.throws(
      () => requirementsOf({ matchExpressions: [{ key: 'a', operator: 'Near' }] }),
      SelectorError,
    );
  });

  it('does not take inherited names for labels', () => {
    assert.equal(matchesLabels(parseLabelSelector('constructor'), {}), false);
  });
});

describe('a field selector', () => {
  const pods = registry.lookup('', 'v1', 'pods') as ResourceInfo;
  const pod = {
    metadata: { name: 'a', namespace: 'n' },
    spec: { nodeName: 'w1' },
    status: { phase: 'Running' },
  };

  it('reads the fields that the resource offers', () => {
    assert.equal(fieldValue(pods, pod, 'metadata.name'), 'a');
    assert.equal(fieldValue(pods, pod, 'spec.nodeName'), 'w1');
    assert.equal(fieldValue(pods, pod, 'spec.host'), 'w1');
    assert.equal(fieldValue(pods, pod, 'spec.hostNetwork'), 'false');
    assert.equal(fieldValue(pods, pod, 'status.nominatedNodeName'), '');
  });

  it('reads what is wanted of them', () => {
    assert.deepEqual(parseFieldSelector('spec.nodeName=w1,status.phase!=Failed,metadata.name==b'), [
      { field: 'spec.nodeName', equal: true, value: 'w1' },
      { field: 'status.phase', equal: false, value: 'Failed' },
      { field: 'metadata.name', equal: true, value: 'b' },
    ]);
    assert.deepEqual(parseFieldSelector(''), []);
  });

  it('reads escaped separators and refuses what it cannot read', () => {
    assert.deepEqual(parseFieldSelector('a=b\\,c\\=d'), [{ field: 'a', equal: true, value: 'b,c=d' }]);
    assert.throws(() => parseFieldSelector('a'), SelectorError);
    assert.throws(() => parseFieldSelector('a=b=c'), SelectorError);
    assert.throws(() => parseFieldSelector('a=b\\x'), SelectorError);
  });

  it('names a field that the resource cannot be selected by', () => {
    assert.equal(
      checkFieldSelector(pods, parseFieldSelector('spec.foo=1')),
      'field label not supported: spec.foo',
    );
    assert.equal(checkFieldSelector(pods, parseFieldSelector('spec.nodeName=1')), undefined);
  });

  it('finds the source of an event', () => {
    const events = registry.lookup('', 'v1', 'events') as ResourceInfo;
    assert.equal(fieldValue(events, { source: { component: 'kubelet' } }, 'source'), 'kubelet');
    assert.equal(fieldValue(events, { reportingComponent: 'sched' }, 'source'), 'sched');
    assert.equal(fieldValue(events, { involvedObject: { kind: 'Pod' } }, 'involvedObject.kind'), 'Pod');
  });
});
