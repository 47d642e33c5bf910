import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type TestContext, test } from 'node:test';
import { changeOf } from '../cache/watch-cache.ts';
import { ResourceCache } from '../cache/resource-cache.ts';
import type { JudgingServer } from '../request-context.ts';
import { fromStored } from '../storage/stored-object.ts';
import { cleanupFinalizer, type Definition } from './definition-types.ts';
import type { DefinitionWriter } from './definition-writer.ts';
import { Finisher } from './finisher.ts';

const definition = {
  metadata: { name: 'things.x.io', uid: '1', finalizers: [cleanupFinalizer], deletionTimestamp: 'now' },
  spec: { group: 'x.io', names: { plural: 'things', kind: 'Thing' }, scope: 'Cluster', versions: [] },
} as unknown as Definition;
const key = '/registry/x.io/things/held';

/** A finisher whose timers never fire, over one object that is held and as many as `unreadable` says that nobody can read. */
function finisherFor(t: TestContext, unreadable: () => number) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const resource = new ResourceCache(0, 16);
  const held = fromStored(key, Buffer.from('j1:-:{"metadata":{"name":"held"}}'), 1, 1);
  resource.put(key, held);
  const finished = Promise.withResolvers<void>();
  let looks = 0;
  const writer = {
    removeAll: () => {
      looks++;
      return Promise.resolve(resource.index.size + unreadable());
    },
    update: (_: Definition, subresource: string) => {
      if (subresource === '') finished.resolve();
      return Promise.resolve();
    },
  };
  const server = {
    root: '/registry/',
    duty: { holds: () => true },
    reads: { fresh: () => Promise.resolve() },
    cache: { resource: () => resource, unreadableUnder: () => Array.from({ length: unreadable() }) },
    now: () => 0,
    log: { warn: (fields: object) => assert.fail(JSON.stringify(fields)) },
  };
  const finisher = new Finisher(
    server as unknown as JudgingServer,
    writer as unknown as DefinitionWriter,
    () => definition,
  );
  t.after(() => finisher.stop());
  const end = (): void => {
    resource.put(key, undefined);
    resource.log.append(changeOf(2, held, undefined));
    resource.log.notify();
  };
  const settled = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await nextTurn();
  };
  return { finisher, finished: finished.promise, end, settled, looks: () => looks };
}

test('a definition goes as soon as the last object that held it does, without waiting for its next look', async (t) => {
  const { finisher, finished, end, settled, looks } = finisherFor(t, () => 0);
  finisher.begin('a');
  await settled();
  assert.equal(looks(), 1);
  end();
  await finished;
  assert.equal(looks(), 2);
});

test('what nobody can read is looked for in its time, and not again and again', async (t) => {
  const { finisher, end, settled, looks } = finisherFor(t, () => 1);
  finisher.begin('a');
  await settled();
  end();
  await settled();
  assert.equal(looks(), 1);
  t.mock.timers.tick(200);
  await settled();
  assert.equal(looks(), 2);
});
