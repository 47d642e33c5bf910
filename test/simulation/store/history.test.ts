/** The checker of histories finds what it is there for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KeyValue } from '../../../packages/store/src/types.ts';
import { checkHistory } from './history.ts';
import { type ClientRequest, Operation } from './operations.ts';
import { deleteRequest, putRequest, rangeRequest } from './requests.ts';
import { Truth } from './truth.ts';
import { Violation, World } from './world.ts';

function change(key: string, value: string, modRevision: number, version = 1): KeyValue {
  return {
    key: Buffer.from(key),
    value: Buffer.from(value),
    lease: 0n,
    createRevision: version === 0 ? 0 : modRevision - version + 1,
    modRevision,
    version,
  };
}

/** k=1 at 2, k=2 at 3, k deleted at 4. */
function truth(): Truth {
  const made = new Truth(new World(1), ['a']);
  const changes = [change('k', '1', 2), change('k', '2', 3, 2), change('k', '', 4, 0)];
  for (const each of changes) made.revisions.push([each]);
  made.keys.set('k', changes);
  return made;
}

interface Told {
  readonly revision: number;
  readonly kvs?: readonly KeyValue[];
  readonly count?: number;
}

function operation(request: ClientRequest, begin: number, end: number, told: Told | undefined): Operation {
  const made = new Operation(request, 1, 'a', begin, begin);
  made.end = end;
  if (told === undefined) made.outcome = 'unknown';
  else {
    const { revision, kvs = [], count = kvs.length } = told;
    made.outcome = 'ok';
    made.answer = { revision, succeeded: undefined, parts: [{ count, kvs }] };
  }
  return made;
}

const put1 = (begin: number, end: number): Operation =>
  operation({ put: putRequest('k', '1') }, begin, end, { revision: 2 });
const put2 = (begin: number, end: number): Operation =>
  operation({ put: putRequest('k', '2') }, begin, end, { revision: 3 });
const gone = (begin: number, end: number): Operation =>
  operation({ deleteRange: deleteRequest('k') }, begin, end, { revision: 4, kvs: [change('k', '2', 3, 2)] });
const read = (begin: number, end: number, told: Told): Operation =>
  operation({ range: rangeRequest('k', '') }, begin, end, told);

function refuses(history: readonly Operation[], what: RegExp): void {
  assert.throws(
    () => checkHistory(truth(), history),
    (error) => error instanceof Violation && what.test(error.message),
  );
}

test('a history in which everything happens when it may is accepted', () => {
  const history = [
    put1(1, 5),
    put2(2, 6),
    read(3, 7, { revision: 3, kvs: [change('k', '2', 3, 2)] }),
    gone(8, 9),
    read(10, 11, { revision: 4 }),
  ];
  assert.deepEqual(checkHistory(truth(), history), { placed: 5, found: 0 });
});

test('a stale read is refused, and the same read is accepted when it began early enough', () => {
  const stale = { revision: 2, kvs: [change('k', '1', 2)] };
  refuses([put1(1, 2), put2(3, 4), gone(5, 6), read(7, 8, stale)], /took place at revision 2, after/);
  checkHistory(truth(), [put1(1, 2), put2(3, 4), read(3, 8, stale), gone(5, 6)]);
});

test('a wrong value, a revision that two made and one that nobody made are refused', () => {
  refuses(
    [put1(1, 2), put2(3, 4), gone(5, 6), read(7, 8, { revision: 3, kvs: [change('k', '1', 2)] })],
    /answers/,
  );
  refuses([put1(1, 2), put1(1, 2), put2(3, 4), gone(5, 6)], /both made revision 2/);
  refuses([put1(1, 2), gone(5, 6)], /nobody asked for revision 3/);
});

test('an operation of unknown outcome explains one revision, and none before it began', () => {
  const lost = operation({ deleteRange: deleteRequest('k') }, 5, Infinity, undefined);
  assert.deepEqual(checkHistory(truth(), [put1(1, 2), put2(3, 4), lost]), { placed: 2, found: 1 });
  refuses(
    [put1(1, 2), put2(3, 4), read(6, 7, { revision: 4 }), operation(lost.request, 8, Infinity, undefined)],
    /nobody asked for revision 4/,
  );
});
