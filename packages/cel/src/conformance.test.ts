/** Expressions and what they must come to: the language, Kubernetes' libraries, errors, and what does not compile. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CompileError, Environment, EvaluationError, fromJson, toJson, types } from './index.ts';

const object: types.Type = {
  kind: 'object',
  name: 'Widget',
  fields: new Map([
    ['name', { type: types.string, jsonName: 'name' }],
    ['replicas', { type: types.int, jsonName: 'replicas' }],
    ['ratio', { type: types.double, jsonName: 'ratio' }],
    ['tags', { type: types.list(types.string), jsonName: 'tags' }],
    ['labels', { type: types.map(types.string, types.string), jsonName: 'labels' }],
    ['x__dash__y', { type: types.string, jsonName: 'x-y' }],
    ['when', { type: types.timestamp, jsonName: 'when' }],
    ['port', { type: types.dyn, jsonName: 'port' }],
    ['missing', { type: types.string, jsonName: 'missing' }],
    ['set', { type: { ...types.list(types.string), merge: { type: 'set' } }, jsonName: 'set' }],
  ]),
};
const self = {
  name: 'web',
  replicas: 3,
  ratio: 2,
  tags: ['a', 'b', 'c'],
  labels: { app: 'web', tier: 'front' },
  'x-y': 'dashed',
  when: '2026-11-22T10:30:00Z',
  port: 'http',
  set: ['p', 'q'],
};
const environment = new Environment({ variables: { self: object, any: types.dyn } });
const inputs: Readonly<Record<string, unknown>> = {
  self,
  any: { n: 1, list: [1, 'two', 3.5], nested: { ok: true } },
};

function evaluate(source: string): unknown {
  const program = environment.compile(source);
  const { value } = program.evaluate((name) => fromJson(inputs[name], name === 'self' ? object : types.dyn));
  return toJson(value);
}

const values: readonly (readonly [string, unknown])[] = [
  // Literals and operators
  ['1 + 2 * 3', 7],
  ['(1 + 2) * 3', 9],
  ['7 / 2', 3],
  ['-7 / 2', -3],
  ['-7 % 3', -1],
  ['1.5 + 2.0', 3.5],
  ['0x1F', 31],
  ['3u + 4u', 7],
  ['2 - -2', 4],
  ['- 5', -5],
  ['-9223372036854775808 < 0', true],
  ['"a" + \'b\'', 'ab'],
  ["r'\\d'", '\\d'],
  ['"\\u00e9\\n\\x41\\101"', 'é\nAA'],
  ['"""a\nb"""', 'a\nb'],
  ['b"abc" == b\'abc\'', true],
  ['size(b"\\xff\\x00")', 2],
  ['[1, 2] + [3]', [1, 2, 3]],
  ['{"a": 1, "b": 2}["b"]', 2],
  ['{1: "x"}[1]', 'x'],
  ['1 < 2 && 2.0 >= 1.5 || false', true],
  ['true ? 1 : 2', 1],
  ['1 in [1, 2]', true],
  ['"a" in {"a": 1}', true],
  ['!(1 == 2)', true],
  ['[[1], [2]] == [[1], [2]]', true],
  ['{"a": [1]} == {"a": [1]}', true],
  ['1 < 1.5', true],
  ['2u > 1', true],
  ['dyn(1) == 1.0', true],
  ['null == null', true],
  ['dyn(null) == "a"', false],
  ['type(1) == int', true],
  ['type(1u) == uint && type("") == string && type([]) == list && type(null) == null_type', true],
  ['type(duration("1s")) == google.protobuf.Duration', true],
  // Errors that one side decides
  ['false && 1 / 0 == 1', false],
  ['1 / 0 == 1 && false', false],
  ['1 / 0 == 1 || true', true],
  ['[1, 0, 2].exists(x, 2 / x == 2)', true],
  ['[1, 0].all(x, 1 / x == 5)', false],
  // Macros
  ['[1, 2, 3].all(x, x > 0)', true],
  ['[1, 2, 3].exists(x, x > 2)', true],
  ['[1, 2, 3].exists_one(x, x > 2)', true],
  ['[1, 2, 3].filter(x, x % 2 == 1)', [1, 3]],
  ['[1, 2, 3].map(x, x * 2)', [2, 4, 6]],
  ['[1, 2, 3].map(x, x > 1, x * 2)', [4, 6]],
  ['{"a": 1, "b": 2}.all(k, k < "c")', true],
  ['[10, 20].all(i, v, v == (i + 1) * 10)', true],
  ['{"a": 1}.exists(k, v, k == "a" && v == 1)', true],
  ['[1, 2].transformList(i, v, i + v)', [1, 3]],
  ['[1, 2].transformList(i, v, v > 1, v)', [2]],
  ['{"a": 1, "b": 2}.transformMap(k, v, v + 1)', { a: 2, b: 3 }],
  ['["x"].transformMapEntry(i, v, {v: i})', { x: 0 }],
  ['[[1, 2], [3]].map(l, l.map(x, x + size(l)))', [[3, 4], [4]]],
  // Fields
  ['self.name', 'web'],
  ['self.x__dash__y', 'dashed'],
  ['self.replicas + 1', 4],
  ['self.ratio / 4.0', 0.5],
  ['has(self.missing)', false],
  ['has(self.name) && !has(self.labels.none)', true],
  ['self.labels["tier"]', 'front'],
  ['self.labels.app', 'web'],
  ['self.tags[1]', 'b'],
  ['self.port == "http" || self.port == 80', true],
  ['self.when > timestamp("2026-01-01T00:00:00Z")', true],
  ['self.when.getHours()', 10],
  ['self.set == ["q", "p"]', true],
  ['(self.set + ["q", "r"]).size()', 3],
  ['any.n + 1', 2],
  ['any.list[2] > 3', true],
  ['any.nested.ok', true],
  ['any.list.exists(x, x == "two")', true],
  // Optional values
  ['self.?missing.hasValue()', false],
  ['self.?missing.orValue("none")', 'none'],
  ['self.?name.value()', 'web'],
  ['self.labels[?"none"].orValue("x")', 'x'],
  ['self.tags[?9].or(optional.of("z")).value()', 'z'],
  ['self.?name.optMap(n, n + "!").value()', 'web!'],
  ['self.?name.optFlatMap(n, optional.of(size(n))).value()', 3],
  ['optional.ofNonZeroValue(0).hasValue()', false],
  ['optional.none().orValue(5)', 5],
  ['[1, ?optional.none(), ?optional.of(3)]', [1, 3]],
  ['{?"a": optional.none(), "b": 1}', { b: 1 }],
  ['any.?nested.?ok.orValue(false)', true],
  // Texts
  ['size("héllo")', 5],
  ['"kubernetes".contains("net")', true],
  ['"kubernetes".startsWith("kub") && "kubernetes".endsWith("tes")', true],
  ['"abc123".matches("^[a-z]+[0-9]+$")', true],
  ['"tacocat".charAt(4)', 'c'],
  ['"tacocat".indexOf("a")', 1],
  ['"tacocat".indexOf("a", 2)', 5],
  ['"tacocat".lastIndexOf("a")', 5],
  ['"TacoCat".lowerAscii() + "x".upperAscii()', 'tacocatX'],
  ['"hello hello".replace("he", "we")', 'wello wello'],
  ['"hello hello".replace("he", "we", 1)', 'wello hello'],
  ['"a,b,c".split(",")', ['a', 'b', 'c']],
  ['"a,b,c".split(",", 2)', ['a', 'b,c']],
  ['"tacocat".substring(4) + "tacocat".substring(0, 4)', 'cattaco'],
  ['"  x ".trim()', 'x'],
  ['["a", "b"].join("-")', 'a-b'],
  [
    '"%s is %d and %.2f, %x %b %e".format(["it", 3, 1.5, 255, true, 1000.0])',
    'it is 3 and 1.50, ff 1 1.000000×10⁰³',
  ],
  ['"%s %s".format([[1, "a"], {"k": 1}])', '[1, "a"] {"k":1}'],
  ['strings.quote("a\\"b")', '"a\\"b"'],
  ['"abc 123".find("[0-9]+")', '123'],
  ['"1 22 333".findAll("[0-9]+")', ['1', '22', '333']],
  ['"1 22 333".findAll("[0-9]+", 2)', ['1', '22']],
  // Conversions and times
  ['int("42") + int(3.9) + int(2u)', 47],
  ['double("1.5") + double(2)', 3.5],
  ['string(1.5) + string(true) + string(7)', '1.5true7'],
  ['string(b"hi")', 'hi'],
  ['bool("true")', true],
  ['uint(5) == 5u', true],
  ['timestamp("2026-02-28T23:59:59Z") + duration("1s")', '2026-03-01T00:00:00Z'],
  ['string(duration("1h30m"))', '5400s'],
  ['duration("90s").getMinutes()', 1],
  ['timestamp("2026-11-22T10:30:00Z").getDayOfWeek()', 0],
  ['timestamp("2026-11-22T23:30:00Z").getDate("+02:00")', 23],
  ['timestamp("2026-07-01T12:00:00Z").getHours("Europe/Berlin")', 14],
  ['timestamp("2026-03-01T00:00:00Z").getDayOfYear()', 59],
  ['timestamp("2026-01-02T00:00:00Z") - timestamp("2026-01-01T00:00:00Z") == duration("24h")', true],
  // Lists and sets
  ['[1, 2, 2].isSorted()', true],
  ['["b", "a"].isSorted()', false],
  ['[3, 1, 2].sum() + [3, 1].min() + [3, 1].max()', 10],
  ['[1.5, 2.5].sum()', 4],
  ['["a", "b", "a"].indexOf("a") + ["a", "b", "a"].lastIndexOf("a")', 2],
  ['sets.contains([1, 2, 3], [3, 1])', true],
  ['sets.equivalent([1, 2], [2, 1, 1])', true],
  ['sets.intersects([1], [2])', false],
  // Quantities
  ['quantity("1.5Gi").isGreaterThan(quantity("1Gi"))', true],
  ['quantity("1000m") == quantity("1")', true],
  ['quantity("50k").compareTo(quantity("50000"))', 0],
  ['quantity("1Ki").asInteger()', 1024],
  ['quantity("500m").isInteger()', false],
  ['quantity("2").add(quantity("500m")).asApproximateFloat()', 2.5],
  ['sign(quantity("5").sub(6))', -1],
  ['isQuantity("12Mo")', false],
  // URLs
  ['url("https://example.com:8080/a%20b?x=1&x=2#f").getHost()', 'example.com:8080'],
  ['url("https://[::1]:80/").getHostname()', '::1'],
  ['url("https://example.com/a b".replace(" ", "%20")).getEscapedPath()', '/a%20b'],
  ['url("/path?k=v").getQuery()', { k: ['v'] }],
  ['url("/path?k=v&l&k=w").getQuery()', { k: ['v', 'w'], l: [''] }],
  ['isURL("../x")', false],
  ['url("https://e.com").getPort() == "" && url("https://e.com").getScheme() == "https"', true],
  // Addresses
  ['ip("192.168.0.1").family()', 4],
  ['ip("::1").isLoopback()', true],
  ['isIP("1.2.3.256")', false],
  ['isIP("::ffff:1.2.3.4")', false],
  ['ip.isCanonical("2001:db8::abcd")', true],
  ['ip.isCanonical("2001:DB8::ABCD")', false],
  ['ip("10.0.0.1").isGlobalUnicast()', true],
  ['string(ip("2001:0db8::0001"))', '2001:db8::1'],
  ['cidr("10.0.0.0/8").containsIP("10.1.2.3")', true],
  ['cidr("10.0.0.0/8").containsCIDR("10.1.0.0/16") && !cidr("10.1.0.0/16").containsCIDR("10.0.0.0/8")', true],
  ['string(cidr("10.1.2.3/8").masked())', '10.0.0.0/8'],
  ['cidr("10.1.2.3/8").prefixLength()', 8],
  ['string(cidr("10.1.2.3/8").ip())', '10.1.2.3'],
  ['isCIDR("10.0.0.0/33")', false],
  // What is formatted, as Kubernetes 1.36 does
  ['"%.3e and %e".format([12345.678, 1.5e-7])', '1.234568×10⁰⁴ and 1.500000×10⁻⁰⁷'],
  ['"%f".format([1234567.891])', '1,234,567.891000'],
  ['"%.0f %.1f %.1f".format([2.5, 0.25, 0.35])', '2 0.2 0.3'],
  ['"%f %s".format([-double("Infinity"), double("inf")])', '-∞ +Inf'],
  [
    '"%s".format([[1.5, true, null, b"x", duration("1s"), int]])',
    '[1.500000, true, null, b"x", duration("1s"), int]',
  ],
  ['"%s".format([{true: 1, 2: "x", "a\\"b": null}])', '{"a\\"b":null, 2:"x", true:1}'],
  ['"%s".format(["a,b".split(",")])', '["a", "b"]'],
  [
    'string(1e6) + " " + string(123456.0) + " " + string(0.00001) + " " + string(0.0001)',
    '1e+06 123456 1e-05 0.0001',
  ],
  ['string(123456789.0) + " " + string(1234567.5)', '1.23456789e+08 1.2345675e+06'],
  // Lists that are cut, turned and sorted
  ['[3, 1, 2].sort()', [1, 2, 3]],
  ['["b", "a"].sort() == ["a", "b"] && [true, false].sort() == [false, true]', true],
  ['["bb", "a", "cc"].sortBy(s, s.size())', ['a', 'bb', 'cc']],
  ['[3, 1, 2].sortBy(x, -x)', [3, 2, 1]],
  ['[1, 2, 3].slice(1, 2)', [2]],
  ['[1, 2, 1, 3, 2].distinct()', [1, 2, 3]],
  ['[[1, 2], [3]].flatten()', [1, 2, 3]],
  ['[[[1]], [[2]]].flatten(2)', [1, 2]],
  ['[1, 2].reverse()', [2, 1]],
  ['lists.range(3)', [0, 1, 2]],
  ['lists.range(-1)', []],
  ['lists.range(100000).size()', 100000],
  ['[1, 2].first().value() + [1, 2].last().value()', 3],
  ['[].first().hasValue()', false],
  ['!!true && --1 == 1 && ---1 == -1', true],
  ['[[], [1]].size() + [{}, {"a": 1}].size()', 4],
  // Formats and versions
  ['format.dns1123Label().validate("web").hasValue()', false],
  ['size(format.dns1123Label().validate("-").value()) > 0', true],
  ['format.named("nope").hasValue()', false],
  ['format.named("uuid").value().validate("x").hasValue()', true],
  ['semver("1.2.3").isLessThan(semver("1.10.0"))', true],
  ['semver("1.0.0-alpha.1").compareTo(semver("1.0.0"))', -1],
  ['semver("v1.2", true).minor()', 2],
  ['isSemver("01.2.3")', false],
];

const failures: readonly (readonly [string, RegExp])[] = [
  ['1 / 0', /division by zero/],
  ['1 % 0', /modulus by zero/],
  ['9223372036854775807 + 1', /integer overflow/],
  ['1u - 2u', /unsigned integer overflow/],
  ['[1][2]', /index out of bounds: 2/],
  ['{"a": 1}["b"]', /no such key: b/],
  ['self.missing', /no such key: missing/],
  ['any.n + "x"', /no such overload/],
  ['int(self.name)', /type conversion error from 'string' to 'int'/],
  ['timestamp(self.name)', /parsing time/],
  ['ip("x")', /unable to parse IP/],
  ['quantity("x")', /quantities must match/],
  ['optional.none().value()', /dereference/],
  ['"a".matches(self.name + "(")', /^error parsing regexp: missing closing \): `web\(`$/],
  ['[1].slice(1, 0)', /^cannot slice\(1, 0\), start index must be less than or equal to end index$/],
  ['[1].slice(0, 2)', /^cannot slice\(0, 2\), list is length 1$/],
  ['[[1]].flatten(-1)', /^level must be non-negative$/],
  ['lists.range(2000000).reverse()', /actual cost limit exceeded/],
  [
    '"%d".format([any.list])',
    /^error during formatting: decimal clause can only be used on integers, was given list$/,
  ],
  ['[].min()', /min called on empty list/],
];

const beginnings =
  "'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER";
const inCall = beginnings.replace("'(', ", "'(', ')', ");

/** The first line of what Kubernetes 1.36 says of each, as it was seen to. */
const mistakes: readonly (readonly [string, string])[] = [
  ['', `1:0: Syntax error: mismatched input '<EOF>' expecting {${beginnings}}`],
  ['1 +', `1:4: Syntax error: mismatched input '<EOF>' expecting {${beginnings}}`],
  ['+ 1', `1:1: Syntax error: extraneous input '+' expecting {${beginnings}}`],
  ['f(+ 1)', `1:3: Syntax error: extraneous input '+' expecting {${inCall}}`],
  ['f(1,)', `1:5: Syntax error: mismatched input ')' expecting {${beginnings}}`],
  ['(1', "1:3: Syntax error: missing ')' at '<EOF>'"],
  ['(1 2)', "1:4: Syntax error: extraneous input '2' expecting ')'"],
  ['1)', "1:2: Syntax error: mismatched input ')' expecting <EOF>"],
  ['([1)', "1:4: Syntax error: mismatched input ')' expecting {']', ','}"],
  ['([1,)', "1:5: Syntax error: missing ']' at ')'"],
  ['({1:2)', "1:6: Syntax error: mismatched input ')' expecting {'}', ','}"],
  ['({1)', "1:4: Syntax error: mismatched input ')' expecting ':'"],
  ['{"a" 1}', "1:6: Syntax error: missing ':' at '1'"],
  ['(a.)', "1:4: Syntax error: no viable alternative at input '.)'"],
  ['a..b', "1:3: Syntax error: no viable alternative at input '..'"],
  ['-!true', "1:2: Syntax error: no viable alternative at input '-!'"],
  ['(a ? b : c : d)', "1:12: Syntax error: mismatched input ':' expecting ')'"],
  ['"abc', "1:1: Syntax error: token recognition error at: '\"abc'"],
  ['"\\q"', "1:1: Syntax error: token recognition error at: '\"\\q'"],
  ['"\\u12"', '1:1: Syntax error: token recognition error at: \'"\\u12"\''],
  ['a & b', "1:3: Syntax error: token recognition error at: '& '"],
  ['b"\\u0041"', '1:1: unable to unescape string'],
  ['99999999999999999999', '1:1: invalid int literal'],
  ['1e999', '1:1: invalid double literal'],
  ['for', '1:1: reserved identifier: for'],
  ['self.`x-y`', "1:6: unsupported syntax: '`'"],
  [`${'('.repeat(300)}1${')'.repeat(300)}`, '-1:0: expression recursion limit exceeded: 250'],
  ['self.nope', "1:5: undefined field 'nope'"],
  ['foo', "1:1: undeclared reference to 'foo' (in container '')"],
  ['foo + 1', "1:1: undeclared reference to 'foo' (in container '')"],
  ['foo(1)', "1:4: undeclared reference to 'foo' (in container '')"],
  ['1 + "a"', "1:3: found no matching overload for '_+_' applied to '(int, string)'"],
  ['null + 1', "1:6: found no matching overload for '_+_' applied to '(null, int)'"],
  ['duration("1s") + 1', "1:16: found no matching overload for '_+_' applied to '(duration, int)'"],
  ['type(1) + 1', "1:9: found no matching overload for '_+_' applied to '(type(int), int)'"],
  ['self.name > 1', "1:11: found no matching overload for '_>_' applied to '(string, int)'"],
  ['1 == "1"', "1:3: found no matching overload for '_==_' applied to '(int, string)'"],
  ['1 && true', "1:1: expected type 'bool' but found 'int'"],
  ['!1', "1:1: found no matching overload for '!_' applied to '(int)'"],
  ['self.name.startsWith(1)', "1:21: found no matching overload for 'startsWith' applied to 'string.(int)'"],
  ['self["name"]', "1:5: found no matching overload for '_[_]' applied to '(Widget, string)'"],
  ['size(self)', "1:5: found no matching overload for 'size' applied to '(Widget)'"],
  [
    'self.replicas.all(x, true)',
    "1:5: expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)",
  ],
  ['[1].all(x, x)', "1:12: expected type 'bool' but found 'int'"],
  [
    '[1].filter(x, x)',
    "1:11: found no matching overload for '_?_:_' applied to '(int, list(int), list(int))'",
  ],
  ['[1].exists_one(x, x)', "1:15: found no matching overload for '_?_:_' applied to '(int, int, int)'"],
  [
    '[1].transformMap(i, v, 1, v)',
    "1:17: found no matching overload for '_?_:_' applied to '(int, map(int, int), map(int, int))'",
  ],
  ['[1].existsOne(x, true)', "1:14: undeclared reference to 'existsOne' (in container '')"],
  ['[1].all(a.b, true)', '1:10: argument must be a simple name'],
  ['[1].sortBy(1, 2)', '1:12: argument is not an identifier'],
  [
    '[1].sortBy(x, [x])',
    "1:11: found no matching overload for '@sortByAssociatedKeys' applied to 'list(int).(list(list(int)))'",
  ],
  ['has(self)', '1:5: invalid argument to has() macro'],
  ['has()', "1:4: undeclared reference to 'has' (in container '')"],
  ['true ? 1 : "a"', "1:6: found no matching overload for '_?_:_' applied to '(bool, int, string)'"],
  ['quantity("1").sign', "1:14: unexpected failed resolution of 'kubernetes.Quantity'"],
  ['quantity("1").sign()', "1:19: found no matching overload for 'sign' applied to 'kubernetes.Quantity.()'"],
  ['[?1]', "1:3: expected type 'optional_type(int)' but found 'int'"],
  ['int{}', "1:4: 'int' is not a message type"],
  ['[1, "a"]', "1:5: expected type 'int' but found 'string'"],
  ['[1, null]', "1:5: expected type 'int' but found 'null'"],
  ['[1, dyn("a")]', "1:8: expected type 'int' but found 'dyn'"],
  ['{1: 2, "a": 3}', "1:8: expected type 'int' but found 'string'"],
  ['timestamp("x")', '1:11: invalid timestamp argument'],
  ['duration(1)', '1:10: invalid duration argument'],
  ['"a".matches("(")', '1:13: invalid matches argument'],
  [
    '"%d".format(["a"])',
    '1:14: error during formatting: decimal clause can only be used on integers, was given string',
  ],
  ['"%s %s".format(["a"])', '1:15: index 1 out of range'],
  ['"%d".format([1, 2])', '1:12: too many arguments supplied to string.format (expected 1, got 2)'],
  ['"%z".format([1])', '1:12: could not parse formatting clause: unrecognized formatting clause "z"'],
];

/** Constants that cannot be what they are turned into. */
const impossible: readonly (readonly [string, string])[] = [
  ['int("x")', "type conversion error from 'string' to 'int'"],
  ['uint(-1)', 'unsigned integer overflow'],
  ['bool("x")', "type conversion error from 'string' to 'bool'"],
  ['matches("a", "(")', 'error parsing regexp: missing closing ): `(`'],
  ['"a".find("(")', 'error parsing regexp: missing closing ): `(`'],
];

describe('an expression', () => {
  for (const [source, wanted] of values)
    it(`${source} is ${JSON.stringify(wanted)}`, () => assert.deepEqual(evaluate(source), wanted));
  for (const [source, wanted] of failures)
    it(`${source} fails: ${wanted.source}`, () =>
      assert.throws(
        () => evaluate(source),
        (error) => error instanceof EvaluationError && wanted.test(error.message),
      ));
  for (const [source, wanted] of mistakes)
    it(`${JSON.stringify(source.slice(0, 40))} does not compile: ${wanted}`, () => {
      const problem = problemOf(source);
      assert.equal(problem.split('\n')[0], `compilation failed: ERROR: <input>:${wanted}`);
    });
  for (const [source, wanted] of impossible)
    it(`${source} has no program: ${wanted}`, () =>
      assert.equal(problemOf(source), `program instantiation failed: ${wanted}`));
  it('shows the place below the line, with what is written wide', () => {
    assert.equal(
      problemOf('"日本" + foo'),
      "compilation failed: ERROR: <input>:1:8: undeclared reference to 'foo' (in container '')\n | \"日本\" + foo\n | .．．....^",
    );
  });
  it('tells every mistake that there is', () => {
    const places = problemOf('true == 1 || foo || bar').match(/<input>:1:\d+/g);
    assert.deepEqual(places, ['<input>:1:6', '<input>:1:14', '<input>:1:21']);
  });
});

function problemOf(source: string): string {
  try {
    environment.compile(source);
  } catch (error) {
    if (error instanceof CompileError) return error.problem;
    throw error;
  }
  return assert.fail(`${source} compiles`);
}
