import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  formatQuantity,
  parseQuantity,
  QuantityError,
  quantityMilli,
  quantityValue,
  subtractQuantities,
  type QuantityFormat,
} from './quantity.ts';

describe('a quantity', () => {
  const canonical: readonly (readonly [string | number, string])[] = [
    ['0', '0'],
    ['1000m', '1'],
    ['0.5', '500m'],
    [0.5, '500m'],
    ['1024Mi', '1Gi'],
    ['1536Mi', '1536Mi'],
    ['1.5Gi', '1536Mi'],
    ['1000', '1k'],
    ['1500', '1500'],
    ['1e3', '1e3'],
    ['1E', '1E'],
    ['12e6', '12e6'],
    ['100Ki', '100Ki'],
    ['512', '512'],
    ['0.1n', '1n'],
    ['-0.5', '-500m'],
    ['+3', '3'],
    ['.5', '500m'],
    ['1Ki', '1Ki'],
    ['0.5Ki', '512'],
    ['99999999999999999999', '9223372036854775807'],
  ];
  for (const [input, output] of canonical) {
    it(`writes ${JSON.stringify(input)} as ${output}`, () => assert.equal(canonicalQuantity(input), output));
  }

  for (const bad of [
    '',
    ' ',
    'x',
    '1x',
    '1.2.3',
    '.',
    '1e',
    '1KiB',
    '--1',
    '1 Gi',
    `1${'0'.repeat(300)}`,
    '1mi',
  ]) {
    it(`refuses ${JSON.stringify(bad).slice(0, 20)}`, () => {
      assert.throws(() => parseQuantity(bad), QuantityError);
    });
  }

  const quantities = fc.record({
    nano: fc.bigInt({ min: -(10n ** 24n), max: 10n ** 24n }),
    format: fc.constantFrom<QuantityFormat>('decimal', 'binary', 'exponent'),
  });

  it('keeps its value through its canonical text, which is its own canonical text', () => {
    fc.assert(
      fc.property(quantities, (quantity) => {
        const text = formatQuantity(quantity);
        assert.equal(parseQuantity(text).nano, quantity.nano);
        assert.equal(canonicalQuantity(text), text);
      }),
    );
  });

  it('adds and subtracts exactly', () => {
    fc.assert(
      fc.property(quantities, quantities, (a, b) => {
        const [left, right] = [formatQuantity(a), formatQuantity(b)];
        assert.equal(compareQuantities(subtractQuantities(addQuantities(left, right), right), left), 0);
        assert.equal(compareQuantities(left, right), a.nano < b.nano ? -1 : a.nano > b.nano ? 1 : 0);
      }),
    );
  });

  it('gives whole units and thousandths rounded up', () => {
    assert.equal(quantityMilli('0.5'), 500);
    assert.equal(quantityMilli('1u'), 1);
    assert.equal(quantityValue('1Gi'), 2 ** 30);
    assert.equal(quantityValue('1500m'), 2);
    assert.equal(quantityValue(undefined), 0);
    assert.equal(addQuantities(undefined, '1Gi'), '1Gi');
  });
});
