import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BadAnswer, denial, readAnswer, reviewType } from './answer.ts';

const uid = '1';
const asked = { uid, isMutating: true, hasObject: true };
const answerOf = (response: object): object => ({ ...reviewType, response: { uid, ...response } });
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const steps = [{ op: 'add', path: '/data/a-name-of-some-length', value: 'and-a-value-of-some-length' }];
const patch = base64(JSON.stringify(steps));

function refused(response: object, message: string, of = asked): void {
  assert.throws(() => readAnswer(answerOf(response), of), new BadAnswer(message));
}

test('a patch may be broken into lines', () => {
  const lines = patch.replaceAll(/.{20}/g, '$&\r\n');
  assert.notEqual(lines, patch);
  const given = readAnswer(answerOf({ allowed: true, patch: lines, patchType: 'JSONPatch' }), asked);
  assert.deepEqual(given.patch, steps);
});

test('null is no value', () => {
  const nothing = { allowed: null, patch: null, patchType: null, status: null, warnings: null };
  const given = readAnswer(answerOf(nothing), asked);
  assert.equal(given.isAllowed, false);
  assert.equal(given.status, undefined);
  assert.deepEqual(given.patch, []);
  const { status } = readAnswer(answerOf({ status: { message: null, code: 403 } }), asked);
  assert.equal(denial('a', status).status.code, 403);
  assert.throws(
    () => readAnswer({ ...reviewType, response: null }, asked),
    new BadAnswer('received invalid webhook response: webhook response was absent'),
  );
});

test('a refusal is one whatever its patch is', () => {
  const junk = { patch: base64('junk'), patchType: 'JSONPatch' };
  assert.equal(readAnswer(answerOf({ allowed: false, ...junk }), asked).isAllowed, false);
  assert.equal(readAnswer(answerOf({ allowed: false, patch, patchType: 'Other' }), asked).isAllowed, false);
  assert.throws(() => readAnswer(answerOf({ allowed: true, ...junk }), asked), {
    name: 'BadAnswer',
    message: /^received undecodable patch in webhook response: /,
  });
});

test('a patch that is null has no steps', () => {
  const given = readAnswer(answerOf({ allowed: true, patch: base64('null'), patchType: 'JSONPatch' }), asked);
  assert.deepEqual(given.patch, []);
});

test('a type of patches that is not known fails the call, where there is something to change', () => {
  const response = { allowed: true, patch, patchType: 'Other' };
  refused(response, 'unsupported patch type "Other"');
  assert.deepEqual(readAnswer(answerOf(response), { ...asked, hasObject: false }).patch, steps);
  refused(
    { ...response, patchType: '' },
    'received invalid webhook response: webhook returned invalid response.patchType of ""',
  );
});

test('a status of wrong types fails the call, and a code that HTTP does not have is none', () => {
  for (const status of [{ code: '403' }, { code: 403.5 }, { message: 1 }, 'no'])
    assert.throws(() => readAnswer(answerOf({ status }), asked), { name: 'BadAnswer' });
  assert.equal(readAnswer(answerOf({ status: { kind: 'Other', code: 403 } }), asked).status?.code, 403);
  const { status } = readAnswer(answerOf({ status: { code: 1_000, message: 'no' } }), asked);
  assert.equal(denial('a', status).status.code, 400);
  assert.equal(denial('a', { code: 999 }).status.code, 999);
});
