/** The npm client `etcd3` at work on Debian's etcd and on `timonier store`: users, locks, elections, watches, leases. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, suite, test } from 'node:test';
import { EtcdLockFailedError, Etcd3, EtcdPermissionDeniedError, Range } from 'etcd3';
import { until } from '../../acceptance/wait.ts';
import { etcd, StoreGroup, timonier } from './members.ts';

for (const program of [etcd, timonier])
  suite(`the npm client on ${program.name}`, () => {
    let group: StoreGroup | undefined;
    let client: Etcd3 | undefined;
    const clients: Etcd3[] = [];
    const open = (auth?: { username: string; password: string }): Etcd3 => {
      const endpoint = group?.members[0]?.endpoint ?? '';
      const made = new Etcd3({ hosts: endpoint, ...(auth === undefined ? {} : { auth }) });
      clients.push(made);
      return made;
    };
    const ours = (): Etcd3 => {
      assert.ok(client !== undefined);
      return client;
    };

    before(
      async () => {
        group = await StoreGroup.start(program, 1);
        client = open();
      },
      { timeout: 300_000 },
    );
    after(async () => {
      for (const each of clients) each.close();
      await group?.close();
    });

    test('one at a time holds a lock', async () => {
      const first = await ours().lock('a lock').ttl(10).acquire();
      await assert.rejects(open().lock('a lock').acquire(), EtcdLockFailedError);
      await first.release();
      const next = await ours().lock('a lock').acquire();
      await next.release();
    });

    test('one at a time is elected, and the next when that one resigns', async () => {
      const one = ours().election('an office', 10);
      const campaign = one.campaign('one');
      await once(campaign, 'elected');
      assert.equal(await one.leader(), 'one');
      const two = open().election('an office', 10);
      const second = two.campaign('two');
      const elected = once(second, 'elected');
      await campaign.resign();
      await elected;
      assert.equal(await two.leader(), 'two');
      await second.resign();
    });

    test('a watcher sees what a lease takes with it', async () => {
      const watcher = await ours().watch().prefix('leased/').create();
      const seen: string[] = [];
      watcher.on('put', ({ key, value }) => seen.push(`put ${key.toString()} ${value.toString()}`));
      watcher.on('delete', ({ key }) => seen.push(`delete ${key.toString()}`));
      const lease = ours().lease(30);
      await lease.put('leased/a').value('1');
      await lease.revoke();
      await until('the deletion is seen', 60_000, () => (seen.length >= 2 ? true : undefined));
      assert.deepEqual(seen, ['put leased/a 1', 'delete leased/a']);
      await watcher.cancel();
    });

    test('a user may do what the roles say', async () => {
      const admin = await ours().user('root').create('secret');
      await admin.addRole('root');
      const reading = ours().role('reading');
      await reading.create();
      await reading.grant({ permission: 'Read', range: Range.prefix('open/') });
      const reader = await ours().user('reader').create('pw');
      await reader.addRole('reading');
      await ours().put('open/a').value('1');
      await ours().put('closed/a').value('1');
      await ours().auth.authEnable();
      const known = open({ username: 'reader', password: 'pw' });
      assert.equal(await known.get('open/a').string(), '1');
      await assert.rejects(known.get('closed/a').string(), EtcdPermissionDeniedError);
      await assert.rejects(known.put('open/a').value('2').exec(), EtcdPermissionDeniedError);
      await open({ username: 'root', password: 'secret' }).auth.authDisable();
      assert.equal(await ours().get('closed/a').string(), '1');
    });
  });
