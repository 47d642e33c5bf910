import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import type { ApiObject } from '@timonier/api/decode';
import type { JudgingServer } from '../request-context.ts';
import { passed, type Verdict } from './api-service.ts';
import { Availability } from './availability.ts';
import type { RemoteServer } from './remote.ts';

const silent = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('it was given up'))));

/** A secondary server that is found to be what `check` says. */
function remoteOf(
  name: string,
  check: (signal: AbortSignal) => Promise<Verdict>,
  learn: (signal: AbortSignal) => Promise<void> = () => Promise.resolve(),
): RemoteServer {
  const verdict = { available: false, reason: 'NotChecked', message: '' };
  return { name, verdict, check, learn, hasSaid: true } as unknown as RemoteServer;
}

/** Checks these servers; what is written of each comes to `written`, which may be waited for. */
function checking(t: TestContext, remotes: readonly RemoteServer[], holds = true) {
  const written: string[] = [];
  const news = new EventTarget();
  const server = {
    cache: { revision: 1, resource: () => ({ index: { get: () => ({ object: () => ({}) }) } }) },
    duty: { holds: () => holds },
    log: { warn: () => undefined },
    now: () => 0,
    root: '/registry/',
  } as unknown as JudgingServer;
  const known = new Map(remotes.map((remote) => [remote.name, remote]));
  const availability = new Availability({
    server,
    remote: (name) => known.get(name),
    changed: () => news.dispatchEvent(new Event('changed')),
    writer: {
      updateStatus: (name, change) => {
        const { status } = change({}) as ApiObject & { status: { conditions: { reason: string }[] } };
        written.push(`${name} ${status.conditions[0]?.reason}`);
        news.dispatchEvent(new Event('written'));
        return Promise.resolve();
      },
    },
  });
  t.after(() => availability.stop());
  return { availability, written, news, known };
}

test('what is found of one server is written while another says nothing, be it of its state or of its documents', async (t) => {
  const slow = remoteOf('slow', silent);
  const talkative = remoteOf('talkative', () => Promise.resolve(passed), silent);
  const quick = remoteOf('quick', () => Promise.resolve(passed));
  const { availability, written, news } = checking(t, [slow, talkative, quick]);
  for (const name of ['slow', 'talkative', 'quick']) {
    availability.due(name, 0);
    if (name !== 'slow') await once(news, 'written');
  }
  assert.deepEqual(written, ['talkative Passed', 'quick Passed']);
  Object.assign(quick, { check: () => Promise.resolve({ ...passed, available: false, reason: 'Gone' }) });
  availability.due('quick', 0);
  await once(news, 'written');
  assert.equal(written.at(-1), 'quick Gone');
  assert.deepEqual(availability.losses, [{ name: 'quick', reason: 'Gone', count: 1 }]);
});

test('nothing is written of a server whose place another one has by the end of its check, nor without the duty', async (t) => {
  const { promise, resolve } = Promise.withResolvers<Verdict>();
  const old = remoteOf('one', () => promise);
  const { availability, written, news, known } = checking(t, [old]);
  availability.due('one', 0);
  known.set(
    'one',
    remoteOf('one', () => Promise.resolve({ ...passed, reason: 'New' })),
  );
  resolve(passed);
  availability.due('one', 0);
  await once(news, 'written');
  assert.deepEqual(written, ['one New']);
  const passive = checking(t, [remoteOf('one', () => Promise.resolve(passed))], false);
  passive.availability.due('one', 0);
  await once(passive.news, 'changed');
  assert.deepEqual(passive.written, []);
});
