import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Configuration } from '@timonier/raft';
import type { StoredMember } from './change.ts';
import { Links } from './links.ts';

/** Links whose clock only runs when told, with everything that they ask of the transport. */
function makeLinks(self: string): {
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
    transport: {
      addPeer: (id) => asked.push(`link ${id}`),
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
  links.takenOut(['x', 'y']);
  pass();
  assert.deepEqual(asked, ['unlink x', 'unlink y']);
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
