/**
 * Members come and go in groups of Debian's etcd and of ours, step by step with etcdctl; what it prints must be alike.
 * The steps wait for what etcd needs: some seconds of peace before it lets anybody go.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { until } from '../../acceptance/wait.ts';
import { etcd, type Program, StoreGroup, type StoreMember, timonier } from './members.ts';
import { Normalizer } from './normalize.ts';

interface Step {
  readonly line: string;
  readonly output: string;
}

/** etcd stops once it has applied its own removal, and sometimes before its answer has left. */
const ownRemoval = 'the leader removes itself, after the hand over';

async function idOf(asked: StoreMember, name: string): Promise<string> {
  const { stdout } = await asked.etcdctl(['member', 'list']);
  const line = stdout.split('\n').find((row) => row.includes(`, ${name}, `));
  return line?.split(',')[0] ?? '';
}

async function play(program: Program): Promise<Step[]> {
  const group = await StoreGroup.start(program, 3);
  try {
    const normalizer = new Normalizer({});
    const steps: Step[] = [];
    const [first, , third] = group.members;
    assert.ok(first !== undefined && third !== undefined);
    const step = async (line: string, asked: StoreMember, args: readonly string[]): Promise<void> => {
      const { code, stdout, stderr } = await asked.etcdctl(args);
      const { stdout: out, stderr: err } = normalizer.output({ code, stdout, stderr });
      const text = `${code}\n${out.split('\n').toSorted().join('\n')}\n${err}`;
      // Chance decides who leads, and so whose id it is.
      steps.push({
        line,
        output: line.includes('hand over')
          ? text.replace(/<id\d+>/g, '<id>').replace(/127\.0\.0\.1:\d+/g, '<endpoint>')
          : text,
      });
    };
    /** The same, again and again while the answer is that the group must settle first. */
    const settled = async (line: string, asked: StoreMember, args: readonly string[]): Promise<void> => {
      await until(line, 60_000, async () => {
        await step(line, asked, args);
        const { output } = steps.at(-1) ?? { output: '' };
        if (!/unhealthy cluster|previous leader failure|deadline exceeded/.test(output)) return true;
        steps.pop();
        return undefined;
      });
    };
    // Ids are named in the order in which they are seen: that of the members, not that of the ids.
    for (const { name } of group.members) normalizer.text(await idOf(first, name));
    await step('list', first, ['member', 'list']);
    await settled('remove a living member', first, ['member', 'remove', await idOf(first, 'm3')]);
    await until('the removed member ends', 60_000, () => (third.alive ? undefined : true));
    await step('list without it', first, ['member', 'list']);
    await settled('remove it again', first, ['member', 'remove', '1']);
    await settled('add a voter that does not come', first, [
      'member',
      'add',
      'm4',
      '--peer-urls',
      'http://127.0.0.1:1',
    ]);
    await settled('write while it has not come', first, ['put', 'a', '1']);
    await step('list with it', first, ['member', 'list']);
    const { stdout } = await first.etcdctl(['member', 'list']);
    const id = /^([0-9a-f]+), unstarted/m.exec(stdout)?.[1] ?? '';
    await settled('promote a voter', first, ['member', 'promote', id]);
    await step('take it out again', first, ['member', 'remove', id]);
    const leader = await group.leader();
    const other = group.members.find((member) => member.alive && member !== leader);
    assert.ok(other !== undefined);
    await step('hand over to nobody', leader, ['move-leader', '1']);
    await step('hand over', leader, ['move-leader', await idOf(first, other.name)]);
    await step('hand over, asking who does not lead', leader, [
      'move-leader',
      await idOf(first, leader.name),
    ]);
    await settled(ownRemoval, other, ['member', 'remove', await idOf(other, other.name)]);
    await until('it ends', 60_000, () => (other.alive ? undefined : true));
    await settled('the last one goes on after the hand over', leader, ['put', 'a', '2']);
    await step('and cannot leave after the hand over', leader, [
      'member',
      'remove',
      await idOf(leader, leader.name),
    ]);
    return steps;
  } finally {
    await group.close();
  }
}

suite('members come and go', () => {
  test('etcdctl sees the same at every step', { timeout: 600_000 }, async () => {
    const [theirs, ours] = await Promise.all([play(etcd), play(timonier)]);
    assert.ok(theirs.length > 10);
    for (const [i, { line, output }] of theirs.entries())
      if (line === ownRemoval && output.includes('etcdserver: server stopped'))
        assert.match(ours[i]?.output ?? '', /^0\n\nMember <id> removed from cluster/);
      else assert.deepEqual(ours[i], { line, output });
    assert.equal(ours.length, theirs.length);
  });
});
