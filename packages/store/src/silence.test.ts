import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { eventually, TestCluster } from './testing/processes.ts';

/** Leaders that members saw come, their own terms included: of all that they said, for the end of it grows elsewhere, too. */
function leaderChanges({ output }: TestCluster): number {
  return [...output.values()]
    .join('\n')
    .split('\n')
    .filter((line) => /"role changed"/.test(line) && !/"leader":""/.test(line)).length;
}

test('a leader that falls silent with its connections open is replaced, and follows when it wakes up', async (t) => {
  const c = await TestCluster.create(3);
  t.after(() => c.remove());
  c.startAll();
  const frozen = await c.leader();
  const rest = c.names.filter((name) => name !== frozen);
  // One that led before this one did not replace it.
  for (const name of rest) c.output.set(name, '');
  const begin = performance.now();
  c.process(frozen).kill('SIGSTOP');
  const next = await eventually('another leader', () => {
    const found = rest.find((name) =>
      (c.output.get(name) ?? '').split('\n').some((line) => line.includes('"role":"leader"')),
    );
    assert.ok(found !== undefined);
    return Promise.resolve(found);
  });
  t.diagnostic(`replaced after ${Math.round(performance.now() - begin)} ms`);
  await c.ctl(['put', 'a', 'b'], { at: next });
  c.process(frozen).kill('SIGCONT');
  assert.equal(await c.leader(), next);
  await eventually('the frozen member has what it missed', async () =>
    assert.match(await c.ctl(['get', 'a'], { at: frozen }), /b/),
  );
});

/** Long enough to see every member starve; BURN_SECONDS for more. */
const burnMs = Number(process.env['BURN_SECONDS'] ?? '5') * 1_000;

test('nobody is elected while the processors are busy with something else', async (t) => {
  const c = await TestCluster.create(3);
  t.after(() => c.remove());
  c.startAll();
  const leader = await c.leader();
  await c.ctl(['endpoint', 'health']);
  const before = leaderChanges(c);
  const burners = Array.from({ length: 4 }, () => spawn(process.execPath, ['-e', 'for(;;);']));
  t.after(() => burners.forEach((burner) => burner.kill('SIGKILL')));
  const end = performance.now() + burnMs;
  await eventually(
    'the end of the load',
    async () => {
      await c.ctl(['put', 'a', 'b']);
      assert.ok(performance.now() > end);
    },
    burnMs + 60_000,
  );
  burners.forEach((burner) => burner.kill('SIGKILL'));
  assert.equal(await c.leader(), leader);
  assert.equal(leaderChanges(c), before, c.log);
});
