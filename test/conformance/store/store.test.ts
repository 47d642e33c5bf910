/**
 * Plays one script of etcdctl calls on Debian's etcd and on `timonier store`, and asserts call by call that a user
 * could not tell them apart. What differs on purpose, or is not there yet, stands in differences.ts.
 */
import assert from 'node:assert/strict';
import { before, suite, test } from 'node:test';
import { differences } from './differences.ts';
import { etcd, type Program, StoreGroup, timonier } from './members.ts';
import { script } from './script.ts';
import { type Played, Session } from './session.ts';

interface Play {
  /** One list of calls per topic. */
  readonly topics: readonly (readonly Played[])[];
  readonly overdue: readonly string[];
}

/** Plays the whole script on a fresh member. */
async function play(program: Program): Promise<Play> {
  const group = await StoreGroup.start(program, 1);
  try {
    const [member] = group.members;
    assert.ok(member !== undefined);
    const session = await Session.open(member);
    try {
      const topics: Played[][] = [];
      const times = new Map<string, number>();
      for (const { steps } of script) {
        const topic: Played[] = [];
        for (const step of steps) {
          const played = await session.play(step);
          if (played === undefined) continue;
          const nth = (times.get(played.line) ?? 0) + 1;
          times.set(played.line, nth);
          topic.push(nth === 1 ? played : { ...played, line: `${played.line} #${nth}` });
        }
        topics.push(topic);
      }
      assert.ok(member.alive, `${program.name} died:\n${member.log()}`);
      return { topics, overdue: session.overdue };
    } finally {
      await session.close();
    }
  } finally {
    await group.close();
  }
}

/** Both sides of the comparison; `STORE_PEER=etcd` checks the comparison itself with etcd on either side. */
const tested = process.env['STORE_PEER'] === 'etcd' ? etcd : timonier;

suite('etcdctl sees the same', () => {
  let theirs: Play = { topics: [], overdue: [] };
  let ours: Play = { topics: [], overdue: [] };
  const used = new Set<string>();

  before(
    async () => {
      [theirs, ours] = await Promise.all([play(etcd), play(tested)]);
    },
    { timeout: 600_000 },
  );

  test('what the script waits for comes', () => {
    assert.deepEqual(theirs.overdue, []);
    assert.deepEqual(ours.overdue, []);
  });

  for (const [i, { topic, steps }] of script.entries())
    test(`when ${topic}`, async (t) => {
      const calls = theirs.topics[i] ?? [];
      assert.ok(calls.length > 0 && calls.length <= steps.length);
      for (const [n, { line, output }] of calls.entries()) {
        const our = ours.topics[i]?.[n];
        const known =
          tested === etcd ? undefined : differences.find((difference) => difference.line === line);
        await t.test(known === undefined ? line : `${line} (differs: ${known.reason})`, () => {
          assert.equal(our?.line, line);
          if (known === undefined) {
            assert.deepEqual(our.output, output);
            return;
          }
          used.add(line);
          assert.match(`${our.output.stdout}${our.output.stderr}`, known.ours);
          assert.notDeepEqual(our.output, output, 'no longer differs: take it out of the table');
        });
      }
    });

  test('every known difference is in the script', () => {
    if (tested === etcd) return;
    assert.deepEqual(
      differences.map(({ line }) => line).filter((line) => !used.has(line)),
      [],
    );
  });
});
