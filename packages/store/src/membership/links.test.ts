import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Configuration } from '@timonier/raft';
import type { StoredMember } from './change.ts';
import { Links } from './links.ts';

/** Links whose clock only runs when told, with everything that they ask of the transport. */
function makeLinks(
  self: string,
  met: readonly Pick<StoredMember, 'id' | 'peerUrls'>[] = [],
  flagged: readonly Pick<StoredMember, 'name' | 'peerUrls'>[] = [],
): {
  links: Links;
  removed: Set<string>;
  configuration: { current: Configuration };
  members: Map<string, StoredMember>;
  asked: string[];
  pass: () => void;
} {
  const configuration = { current: { voters: ['a', 'b'], learners: [] } as Configuration };
  const asked: string[] = [];
  const removed = new Set<string>();
  const members = new Map<string, StoredMember>();
  let waiting: (() => void)[] = [];
  const after = (_ms: number, run: () => void): (() => void) => {
    waiting.push(run);
    return () => (waiting = waiting.filter((one) => one !== run));
  };
  const links = new Links({
    self,
    met,
    flagged,
    transport: {
      addPeer: (id, { port }) => asked.push(port < 1_000 ? `link ${id}` : `link ${id} at ${port}`),
      removePeer: (id) => asked.push(`unlink ${id}`),
      connected: () => false,
      send: (id, frame) => asked.push(`${Object.keys(frame).join()} to ${id}`) > 0,
    },
    clock: {
      now: () => 0,
      bootTime: () => 0,
      random: () => 0,
      after,
      every: () => () => undefined,
      soon: (run) => run(),
    },
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    configuration: () => configuration.current,
    members: () => members,
    removed: () => removed,
  });
  const pass = (): void => {
    for (const run of waiting.splice(0)) run();
  };
  return { links, removed, configuration, members, asked, pass };
}

test('a joining member answers who calls, and tells nobody that it was removed whom it merely does not know', () => {
  const { links, removed, configuration, asked, pass } = makeLinks('c');
  links.called('a', ['http://127.0.0.1:1']);
  links.called('b', ['http://127.0.0.1:2']);
  removed.add('b');
  // It belongs now; who the others are is not applied yet.
  configuration.current = { voters: ['a', 'c'], learners: [] };
  links.sync();
  pass();
  assert.deepEqual(asked, ['link a', 'link b', 'removed to b']);
});

test('a member that comes back before it was told anything finds the others where they were when it joined', () => {
  const { links, configuration, members, asked, pass } = makeLinks('c', [
    { id: 'a', peerUrls: ['http://127.0.0.1:1001'] },
    { id: 'b', peerUrls: ['http://127.0.0.1:1002'] },
  ]);
  // The founder has moved since.
  members.set('a', { id: 'a', name: 'a', peerUrls: ['http://127.0.0.1:1'], clientUrls: [] });
  configuration.current = { voters: ['a'], learners: [] };
  links.sync();
  assert.deepEqual(asked, ['link a', 'link b at 1002', 'link a at 1001']);
  // By its own log it belongs, and nobody else but a does.
  configuration.current = { voters: ['a'], learners: ['c'] };
  links.sync();
  for (let look = 0; look < 3; look += 1) pass();
  assert.ok(asked.includes('unlink b'));
  // Much later it knows better than what it met.
  const later = makeLinks('c', [{ id: 'a', peerUrls: ['http://127.0.0.1:1001'] }]);
  later.members.set('a', { id: 'a', name: 'a', peerUrls: ['http://127.0.0.1:1'], clientUrls: [] });
  later.configuration.current = { voters: ['a', 'c'], learners: [] };
  later.links.sync();
  assert.deepEqual(later.asked, ['link a']);
});

test('who a change takes out is answered until that is applied, for the entry may be cut off again', () => {
  const { links, removed, configuration, members, asked, pass } = makeLinks('c');
  for (const [i, id] of ['a', 'b', 'c'].entries())
    members.set(id, { id, name: id, peerUrls: [`http://127.0.0.1:${i + 1}`], clientUrls: [] });
  configuration.current = { voters: ['b', 'c'], learners: [] };
  links.sync();
  pass();
  assert.deepEqual(asked.toSorted(), ['link a', 'link b']);
  members.delete('a');
  removed.add('a');
  links.sync();
  pass();
  pass();
  assert.deepEqual(asked.slice(2), ['removed to a', 'unlink a']);
});

test('who was taken out is cut off also by a member that never linked it, and that came back with the entry in its log', () => {
  const { links, removed, asked, pass } = makeLinks('a');
  links.called('x', ['http://127.0.0.1:4']);
  removed.add('x').add('y');
  links.sync();
  links.takenOut(['x', 'y']);
  pass();
  pass();
  assert.deepEqual(asked, ['link x', 'unlink y', 'removed to x', 'unlink x']);
});

test('a member that was away answers a leader that joined meanwhile, and gives up a stranger that is gone', () => {
  const { links, configuration, members, asked, pass } = makeLinks('c');
  for (const [i, id] of ['a', 'b', 'c'].entries())
    members.set(id, { id, name: id, peerUrls: [`http://127.0.0.1:${i + 1}`], clientUrls: [] });
  configuration.current = { voters: ['a', 'b', 'c'], learners: [] };
  links.sync();
  links.called('d', ['http://127.0.0.1:4']);
  links.called('x', ['http://127.0.0.1:5']);
  assert.deepEqual(asked, ['link a', 'link b', 'link d', 'link x']);
  // What it missed is applied.
  members.set('d', { id: 'd', name: 'd', peerUrls: ['http://127.0.0.1:4'], clientUrls: [] });
  links.sync();
  for (let look = 0; look < 3; look += 1) pass();
  assert.deepEqual(asked.slice(4), ['unlink x']);
});

test('a member that calls itself at the address of the one it replaces never tells itself that it was removed', () => {
  const { links, configuration, asked, pass } = makeLinks('c');
  links.called('c', ['http://127.0.0.1:3']);
  configuration.current = { voters: ['a', 'b', 'c'], learners: [] };
  links.sync();
  pass();
  pass();
  assert.deepEqual(
    asked.filter((line) => line.endsWith(' c')),
    [],
  );
});

test('who calls from elsewhere than the log tells is made known to all others, and to who connects later', () => {
  const { links, configuration, members, asked, pass } = makeLinks('a');
  for (const [i, id] of ['a', 'b', 'c'].entries())
    members.set(id, { id, name: id, peerUrls: [`http://127.0.0.1:${i + 1}`], clientUrls: [] });
  configuration.current = { voters: ['a', 'b', 'c'], learners: [] };
  links.sync();
  links.called('b', ['http://127.0.0.1:2']);
  links.connected('c');
  assert.deepEqual(asked, ['link b', 'link c'], 'there is nothing to tell');
  links.called('b', ['http://127.0.0.1:2002']);
  assert.deepEqual(asked.splice(2), ['link b at 2002', 'whereabouts to c']);
  links.connected('b');
  assert.deepEqual(asked.splice(2), [], 'it knows where it is itself');
  links.connected('c');
  assert.deepEqual(asked.splice(2), ['whereabouts to c']);
  // The log has come after it.
  members.set('b', { id: 'b', name: 'b', peerUrls: ['http://127.0.0.1:2002'], clientUrls: [] });
  links.sync();
  links.connected('c');
  pass();
  assert.ok(!asked.includes('whereabouts to c', 2));
});

test('a member looks for one that moved when it did where a third one says, beside where the log tells', () => {
  const { links, configuration, members, asked, pass } = makeLinks('c');
  for (const [i, id] of ['a', 'b', 'c'].entries())
    members.set(id, { id, name: id, peerUrls: [`http://127.0.0.1:${1_001 + i}`], clientUrls: [] });
  configuration.current = { voters: ['a', 'b', 'c'], learners: [] };
  links.sync();
  links.heard([
    { id: 'b', url: 'http://127.0.0.1:2002' },
    { id: 'stranger', url: 'http://127.0.0.1:2009' },
  ]);
  pass();
  pass();
  assert.deepEqual(asked.slice(2), ['link b at 2002', 'link b at 1002', 'link b at 2002']);
});

test('members that all moved look for each other where their flags say, also for one whose name comes later', () => {
  const { links, configuration, members, asked, pass } = makeLinks(
    'c',
    [],
    [
      { name: 'm-a', peerUrls: ['http://127.0.0.1:1001'] },
      { name: 'm-b', peerUrls: ['http://127.0.0.1:1002', 'http://127.0.0.1:1012'] },
      { name: 'nobody', peerUrls: ['http://127.0.0.1:1003'] },
    ],
  );
  const known = (id: string, name: string, port: number): void =>
    void members.set(id, { id, name, peerUrls: [`http://127.0.0.1:${port}`], clientUrls: [] });
  configuration.current = { voters: ['a', 'b', 'c'], learners: [] };
  known('a', 'm-a', 1);
  known('b', '', 2);
  links.sync();
  pass();
  assert.deepEqual(asked.splice(0), ['link a', 'link b', 'link a at 1001']);
  known('b', 'm-b', 2);
  links.sync();
  pass();
  pass();
  assert.deepEqual(asked.splice(0), ['link a', 'link b at 1002', 'link a at 1001', 'link b at 1012']);
  links.called('a', ['http://127.0.0.1:1']);
  links.called('b', ['http://127.0.0.1:2']);
  asked.length = 0;
  pass();
  assert.deepEqual(asked, [], 'they say that the log is right');
});
