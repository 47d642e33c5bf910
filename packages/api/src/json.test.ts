import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { hasLongNumber, isBigInteger, JsonError, MAX_DEPTH, MAX_PROBLEMS, parseJson } from './json.ts';
import { parseYaml } from './yaml.ts';

/** A text, a list, or an object whose keys may be there twice. */
type Tree = string | readonly Tree[] | { readonly members: readonly (readonly [string, Tree])[] };

const { tree: anyTree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom('1', 'null', '"a"', '12345678901234567890', '-9007199254740993', '"1234567890123456"'),
    fc.array(tie('tree'), { maxLength: 3 }),
    fc
      .array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'rawJSON'), tie('tree')), { maxLength: 3 })
      .map((members) => ({ members })),
  ),
}));

function written(tree: Tree): { text: string; duplicates: string[] } {
  const duplicates: string[] = [];
  const write = (value: Tree, path: string): string => {
    if (typeof value === 'string') return value;
    if (!('members' in value)) return `[${value.map((item, i) => write(item, `${path}[${i}]`)).join()}]`;
    const seen = new Set<string>();
    const texts = value.members.map(([key, child]) => {
      const place = path === '' ? key : `${path}.${key}`;
      if (seen.has(key)) duplicates.push(`duplicate field "${place}"`);
      seen.add(key);
      return `"${key}":${write(child, place)}`;
    });
    return `{${texts.join()}}`;
  };
  const text = write(tree, '');
  return { text, duplicates: duplicates.slice(0, MAX_PROBLEMS) };
}

describe('parsing JSON', () => {
  it('refuses a number that would be read as infinite, wherever it stands', () => {
    for (const number of ['1e400', '-1e400', `1${'0'.repeat(400)}.5`])
      for (const text of [`{"a":[{"b":${number}}]}`, number])
        assert.throws(() => parseJson(text), {
          message: `json: cannot unmarshal number ${number} into Go value of type float64`,
        });
    assert.deepEqual(parseJson('{"a":1e308,"b":"1e400","c":1e-400}').value, { a: 1e308, b: '1e400', c: 0 });
  });

  it('gives the value of any JSON and finds no duplicates where there are none', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 2), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        const parsed = parseJson(Buffer.from(text));
        assert.equal(JSON.stringify(parsed.value), JSON.stringify(value));
        assert.deepEqual(parsed.duplicates, []);
      }),
    );
  });

  it('finds keys given twice, wherever they stand, and keeps the last value', () => {
    const { value, duplicates } = parseJson(
      '{"a":1,"b":[{"c":{"x":1,"x":2}},{"y\\"":1,"y\\u0022":2}],"a":{"k":"{\\"a\\":1,\\"a\\":2}"}}',
    );
    assert.deepEqual(duplicates, [
      'duplicate field "b[0].c.x"',
      'duplicate field "b[1].y""',
      'duplicate field "a"',
    ]);
    assert.deepEqual((value as { a: unknown }).a, { k: '{"a":1,"a":2}' });
  });

  it('finds them beside integers that a number cannot hold', () => {
    for (const text of [
      '{"a":1,"a":2,"b":12345678901234567890}',
      '{"a":12345678901234567890,"a":12345678901234567890}',
      '{"b":[12345678901234567890,-12345678901234567890],"a":{"a":1},"a":0}',
    ])
      assert.deepEqual(parseJson(text).duplicates, ['duplicate field "a"'], text);
    assert.deepEqual(parseJson('{"a":12345678901234567890,"rawJSON":"1"}').duplicates, []);
    assert.deepEqual(parseJson('{"rawJSON":1,"rawJSON":12345678901234567890}').duplicates, [
      'duplicate field "rawJSON"',
    ]);
  });

  it('finds all of them in any text', () => {
    let some = 0;
    let none = 0;
    fc.assert(
      fc.property(anyTree, (tree) => {
        const { text, duplicates } = written(tree);
        assert.deepEqual(parseJson(text).duplicates, duplicates, text);
        if (duplicates.length > 0) some++;
        else none++;
      }),
      { numRuns: 500 },
    );
    assert.ok(some > 50 && none > 50, `${some} texts had some, ${none} none`);
  });

  it('keeps integers that a number cannot hold, digit for digit', () => {
    const { value } = parseJson(
      '{"a":9007199254740993,"b":1e20,"c":"9007199254740993","d":-9223372036854775808}',
    );
    assert.equal(isBigInteger((value as { a: unknown }).a), true);
    assert.equal(
      JSON.stringify(value),
      '{"a":9007199254740993,"b":100000000000000000000,"c":"9007199254740993","d":-9223372036854775808}',
    );
  });

  it('sees a long row of digits wherever it begins', () => {
    for (let before = 0; before < 40; before++) {
      const text = `{"${'x'.repeat(before)}":1234567890123456}`;
      assert.equal(hasLongNumber(text), true, text);
      assert.equal(hasLongNumber(text.replace('56}', '5,6}')), false);
    }
    const digits = fc.array(fc.constantFrom('1', '9', '-', ',', '"', 'a', '123456789012345'), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(digits, (parts) => {
        const text = parts.join('');
        assert.equal(hasLongNumber(text), /\d{16}/.test(text));
      }),
    );
  });

  it('refuses deep nesting with an error', () => {
    assert.throws(() => parseJson(`${'['.repeat(MAX_DEPTH + 1)}${']'.repeat(MAX_DEPTH + 1)}`), JsonError);
    assert.throws(() => parseJson('{"a":'.repeat(200_000)), JsonError);
    assert.throws(() => parseJson(`${'['.repeat(200_000)}${']'.repeat(200_000)}`), JsonError);
  });

  it('puts the replacement character where there is no letter', () => {
    assert.equal(parseJson(Buffer.from([0x22, 0xff, 0x22])).value, '\ufffd');
    assert.deepEqual(parseJson('["\\ud800", "\\ud83d\\ude00"]').value, ['\ufffd', '😀']);
  });

  it('refuses anything that is not JSON', () => {
    for (const bad of ['', '{', '{"a":1,}', "{'a':1}", 'nul', '1 2', '\ufeff{}']) {
      assert.throws(() => parseJson(bad), JsonError);
    }
  });

  it('takes __proto__ for a key like any other', () => {
    const { value } = parseJson('{"__proto__":{"polluted":true}}');
    assert.equal(Object.hasOwn(value as object, '__proto__'), true);
    assert.equal(({} as { polluted?: boolean }).polluted, undefined);
  });

  it('puts problems into the order of the text however long the keys are that their paths begin with', () => {
    // Each path whole, those of twenty thousand keys were gigabytes.
    const long = 'a'.repeat(1_000_000);
    const keys = Array.from({ length: 20_000 }, (_, i) => `"k${i}":1`).join();
    const { duplicates } = parseJson(`{"${long}":{"${long}":{${keys}}},"late":1,"late":2}`);
    const unknown = `unknown field "${long.slice(0, 1_024)}..."`;
    assert.deepEqual(duplicates.inOrder?.(['unknown field "other"', unknown]), [
      unknown,
      'duplicate field "late"',
      'unknown field "other"',
    ]);
  });
});

describe('parsing YAML', () => {
  it('gives what JSON can say', () => {
    const { value } = parseYaml('a: [1, "2", true, null, 1.5]\nb: &x {c: "yes"}\nd: *x\ne: |\n  text\n');
    assert.deepEqual(value, { a: [1, '2', true, null, 1.5], b: { c: 'yes' }, d: { c: 'yes' }, e: 'text\n' });
  });

  it('finds keys given twice', () => {
    assert.deepEqual(parseYaml('a: 1\nb:\n - c: 1\n   c: 2\na: 2\n').duplicates, [
      'line 4: key "c" already set in map',
      'line 5: key "a" already set in map',
    ]);
  });

  it('reads JSON under its own media type as JSON', () => {
    assert.deepEqual(parseYaml('{"a": 9007199254740993}').value, parseJson('{"a": 9007199254740993}').value);
    const duplicates = ['line 1: key "a" already set in map'];
    assert.deepEqual(parseYaml('{"a": 1, "a": 2}'), { value: { a: 2 }, duplicates });
  });

  it('refuses a text whose aliases multiply', () => {
    const lines = ['a0: &a0 [x,x,x,x,x,x,x,x,x,x]'];
    for (let i = 1; i < 9; i += 1)
      lines.push(
        `a${i}: &a${i} [${Array(10)
          .fill(`*a${i - 1}`)
          .join(',')}]`,
      );
    assert.throws(() => parseYaml(lines.join('\n')), JsonError);
  });

  it('reads the first of several documents', () => {
    assert.deepEqual(parseYaml('a: 1\n---\nb: 2\n').value, { a: 1 });
    assert.equal(parseYaml('---\n---\nb: 2\n').value, null);
  });
});
