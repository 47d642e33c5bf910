/**
 * Three members as real processes, the leader killed with SIGKILL under writers that use a stock client: what was
 * acknowledged stays, and the killed member catches up when it is started again.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Etcd3, type IOptions } from 'etcd3';
import { until } from '../../acceptance/wait.ts';
import { etcd, StoreGroup, type StoreMember, timonier } from './members.ts';

const program = process.env['STORE_PEER'] === 'etcd' ? etcd : timonier;

type Policy = ReturnType<NonNullable<NonNullable<IOptions['faultHandling']>['host']>>;

/** No circuit breaker: the client's own turns a member away for 5 s after its restart. */
const direct: Policy = {
  // Only a type, never read.
  _altReturn: undefined as never,
  onSuccess: () => ({ dispose: () => undefined }),
  onFailure: () => ({ dispose: () => undefined }),
  execute: async (attempt, signal = new AbortController().signal) => attempt({ signal }),
};

interface Writer {
  /** Key to the highest value that was acknowledged. */
  readonly acknowledged: Map<string, number>;
  /** Attempts that ended in an error: they may or may not be there. */
  failures: number;
  stop(): Promise<void>;
}

/** Writes growing numbers under `count` keys, one write in flight on each, until it is stopped. */
function startWriter(client: Etcd3, count: number): Writer {
  const acknowledged = new Map<string, number>();
  const stopping = new AbortController();
  const writer: Writer = {
    acknowledged,
    failures: 0,
    stop: async () => {
      stopping.abort();
      await Promise.all(loops);
    },
  };
  const loops = Array.from({ length: count }, async (_unused, n) => {
    const key = `w/${String(n).padStart(3, '0')}`;
    for (let value = 1; !stopping.signal.aborted; value++) {
      try {
        await client
          .put(key)
          .value(value)
          .options({ deadline: Date.now() + 3_000 });
        acknowledged.set(key, value);
      } catch {
        writer.failures++;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  });
  return writer;
}

/** Everything the member itself holds at the revision, from its own replica. */
async function content(member: StoreMember, revision: string): Promise<string> {
  const { code, stdout, stderr } = await member.etcdctl(
    'get --prefix --consistency s -w fields'.split(' ').concat('--rev', revision, ''),
  );
  if (code !== 0) throw new Error(`${member.name}: ${stderr}`);
  // The header names the member; its revision may have gone on meanwhile.
  return stdout.replace(/^"(ClusterID|MemberID|Revision|RaftTerm)" : .*\n/gm, '');
}

async function revision(group: StoreGroup): Promise<string> {
  const [member] = group.members;
  assert.ok(member !== undefined);
  const { stdout } = await member.etcdctl(['get', 'none', '-w', 'fields']);
  const [, found] = /"Revision" : (\d+)/.exec(stdout) ?? [];
  assert.ok(found !== undefined, `no revision in ${stdout}`);
  return found;
}

test(
  'no acknowledged write is lost when the leader is killed, and it catches up',
  { timeout: 600_000 },
  async () => {
    const group = await StoreGroup.start(program, 3);
    const client = new Etcd3({
      hosts: group.members.map(({ endpoint }) => endpoint),
      faultHandling: { host: () => direct },
    });
    try {
      const writer = startWriter(client, 32);
      const total = (): number => [...writer.acknowledged.values()].reduce((sum, value) => sum + value, 0);
      try {
        for (let round = 0; round < 2; round++) {
          const start = total();
          await until('writes flow before the kill', 180_000, () =>
            total() > start + 1_000 && writer.acknowledged.size === 32 ? true : undefined,
          );
          const leader = await group.leader();
          await leader.kill('SIGKILL');
          const killed = total();
          await until('writes flow without the killed leader', 180_000, () =>
            total() > killed + 500 ? true : undefined,
          );
          leader.start();
          await group.leader();
        }
      } finally {
        await writer.stop();
      }
      const values = await client.getAll().prefix('w/').numbers();
      for (const [key, value] of writer.acknowledged)
        assert.ok(
          (values[key] ?? 0) >= value,
          `${key} is ${values[key]}, but ${value} was acknowledged (${writer.failures} writes failed)`,
        );
      const at = await revision(group);
      const contents = await Promise.all(
        group.members.map((member) =>
          until(`${member.name} has revision ${at}`, 180_000, () => content(member, at)),
        ),
      );
      assert.ok((contents[0] ?? '').includes('"Key" : "w/000"'));
      assert.equal(contents[1], contents[0]);
      assert.equal(contents[2], contents[0]);
    } catch (error) {
      const logs = group.members.map((member) => `--- ${member.name}\n${member.log()}`).join('\n');
      throw new Error(`${error instanceof Error ? error.message : String(error)}\n${logs}`, { cause: error });
    } finally {
      client.close();
      await group.close();
    }
  },
);

test(
  'a member that was killed alone answers from its disk with everything it acknowledged',
  { timeout: 600_000 },
  async () => {
    const group = await StoreGroup.start(program, 1);
    const [member] = group.members;
    assert.ok(member !== undefined);
    const client = new Etcd3({ hosts: member.endpoint, faultHandling: { host: () => direct } });
    try {
      const writer = startWriter(client, 16);
      await until('writes flow', 180_000, () => (writer.acknowledged.size === 16 ? true : undefined));
      await member.kill('SIGKILL');
      await writer.stop();
      member.start();
      await group.leader();
      const values = await until('reads flow', 180_000, async () => client.getAll().prefix('w/').numbers());
      for (const [key, value] of writer.acknowledged) assert.ok((values[key] ?? 0) >= value, key);
    } finally {
      client.close();
      await group.close();
    }
  },
);
