import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normalize } from './normalize.ts';
import { difference, expectedOf, formatTranscript, parseTranscript, withPrinted } from './transcript.ts';

const text = `# needs: nodes
# About something.

$ kubectl get configmap a
  | NAME  DATA
  |
  ! a warning
  ? 1
  @ 1.20
  | other
$~ kubectl apply -f - <<'END'
> kind: ConfigMap
>
> END
# The end.
`;

test('a transcript is parsed into steps, and written as it was', () => {
  const transcript = parseTranscript(text);
  assert.equal(transcript.needsNodes, true);
  const [first, second] = transcript.steps;
  assert.ok(first !== undefined && second !== undefined);
  assert.deepEqual(expectedOf(first, '1.35'), { stdout: ['NAME  DATA', ''], stderr: ['a warning'], code: 1 });
  assert.deepEqual(expectedOf(first, '1.20'), { stdout: ['other'], stderr: [], code: 0 });
  assert.equal(second.command, "kubectl apply -f - <<'END'\nkind: ConfigMap\n\nEND");
  assert.equal(second.eventually, true);
  assert.equal(formatTranscript(transcript), text);
});

test('what is no command, output or comment is refused with its line', () => {
  for (const wrong of ['  | output of nothing', '$ a\nstray', '$ a\n\n  | after a gap'])
    assert.throws(() => parseTranscript(wrong), /^Error: line \d/);
});

test('a release that prints something else gets an expectation of its own, and loses it when it prints the same', () => {
  const [step] = parseTranscript('$ a\n  | x\n').steps;
  assert.ok(step);
  const other = { stdout: ['y'], stderr: [], code: 0 };
  const two = withPrinted(withPrinted(step, '1.33', other, false), '1.20', other, false);
  assert.deepEqual(two.instead, [{ releases: ['1.20', '1.33'], expected: other }]);
  assert.deepEqual(withPrinted(two, '1.20', step.expected, false).instead, [
    { releases: ['1.33'], expected: other },
  ]);
  assert.deepEqual(withPrinted(two, '1.35', other, true), { ...step, expected: other, instead: [] });
});

test('a difference shows what was expected and what came, with a little around it', () => {
  const expected = { stdout: ['a', 'b', 'c', 'd'], stderr: [], code: 0 };
  assert.equal(difference(expected, expected), undefined);
  assert.equal(
    difference(expected, { ...expected, stdout: ['a', 'b', 'x', 'd'] }),
    '    | a\n    | b\n-   | c\n+   | x',
  );
  assert.equal(difference(expected, { ...expected, code: 2 }), '    | c\n    | d\n+   ? 2');
});

test('columns, ages, names and addresses are what they are in every run', () => {
  const table = [
    'NAME                   READY   STATUS    RESTARTS      AGE     IP            NODE',
    'web-6d4cf56db6-x7k2p   1/1     Running   1 (3s ago)    5m12s   10.244.1.17   worker-1',
  ].join('\n');
  assert.deepEqual(normalize(`${table}\n`), [
    'NAME  READY  STATUS  RESTARTS  AGE  IP  NODE',
    'web-<hash>-<random>  1/1  Running  1 (3s ago)  <age>  <ip>  worker-1',
  ]);
  const aged = 'LAST SEEN   TYPE     REASON\n2s          Normal   Started';
  assert.deepEqual(normalize(aged), ['LAST SEEN  TYPE  REASON', '<age>  Normal  Started']);
  for (const [from, to] of [
    ['resourceVersion: "12"', 'resourceVersion: <version>'],
    ['uid: 0b6bd13c-8a07-4a0d-8d2c-5a1f2a3b4c5d', 'uid: <uid>'],
    ['at 2026-01-02T03:04:05Z', 'at <time>'],
    ['on https://127.0.0.1:6443/api', 'on https://<server>/api'],
    ['80:30123/TCP to 192.0.2.9 and 10.96.0.1', '80:<node port>/TCP to 192.0.2.9 and <ip>'],
    ['configmap/made-kltvg created', 'configmap/made-<random> created'],
    ['pod "demo-zxcvb" deleted', 'pod "demo-<random>" deleted'],
    ['  indented   text', '  indented  text'],
    ['0.0.0.0 and 127.0.0.1:4711', '0.0.0.0 and 127.0.0.1:<port>'],
    ['a fixed-words name', 'a fixed-words name'],
  ] as const)
    assert.deepEqual(normalize(from), [to]);
  assert.deepEqual(normalize(''), []);
  const ended = 'W1129 06:55:01.123456    4711 reflector.go:289] "watch ended" err="context canceled"';
  assert.deepEqual(normalize(`one\n${ended}\ntwo\n`), ['one', 'two'], 'by the client itself');
  assert.deepEqual(normalize(ended.replace('context canceled', 'refused')), [
    '<reflector.go> "watch ended" err="refused"',
  ]);
});
