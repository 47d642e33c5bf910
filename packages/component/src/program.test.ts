import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { booleanFlag, choiceFlag, choicesFlag, durationFlag, numberFlag, patternFlag } from './flags.ts';
import { defineGroup, defineProgram, type ProgramCall } from './program.ts';

const flags = {
  side: choiceFlag('left', ['left', 'right'], 'which side'),
  parts: choicesFlag(['head', 'tail'], 'which parts'),
  only: patternFlag('which names'),
  share: numberFlag(1, 'how much', { min: 0, max: 1, fraction: true }),
  wait: durationFlag(90_000, 'how long'),
  quick: booleanFlag(false, 'without care'),
};

/** A program that hands over what it was called with, and what it wrote when it was not run. */
function program(t: TestContext, choice?: { readonly mayRepeat?: boolean }) {
  const calls: ProgramCall<typeof flags>[] = [];
  const written: string[] = [];
  const write = (text: string): boolean => written.push(text) > 0;
  t.mock.method(process.stdout, 'write', write);
  t.mock.method(process.stderr, 'write', write);
  const run = defineProgram({
    call: 'npm run turn --',
    usage: 'WAY [THING]',
    summary: 'turns things',
    examples: ['npm run turn -- over'],
    flags,
    choice: { what: 'way', known: { over: 'upside down', around: 'back to front' }, ...choice },
    maxArguments: 2,
    run: (call) => {
      calls.push(call);
      return Promise.resolve(Number(call.argument(1)));
    },
  });
  return { run, calls, written };
}

test('a program is given its flags, and its arguments by place', async (t) => {
  const { run, calls } = program(t);
  assert.equal(
    await run(['--side=right', 'over', '7', '--parts', 'tail', '--only', '^a', '--share', '.5']),
    7,
  );
  const [call] = calls;
  assert.deepEqual(
    [call?.flags.side, call?.flags.parts, call?.flags.only?.source, call?.flags.share],
    ['right', ['tail'], '^a', 0.5],
  );
});

test('a wrong command line is one line and exit code 2', async (t) => {
  const { run, calls, written } = program(t);
  const wrong = [
    [['ovre', '1'], 'unknown way "ovre"; did you mean "over"?'],
    [['inside-out', '1'], 'unknown way "inside-out"; there is over, around'],
    [[], 'say first which way: over, around'],
    [['over', '1', 'more'], 'unexpected argument "more"; usage: npm run turn -- WAY [THING]'],
    [['over', '--sied=left'], 'unknown flag --sied; did you mean --side?'],
    [['over', '--nothing-like-it'], 'unknown flag --nothing-like-it; --help lists them'],
    [['over', '--side=up'], '--side: "up" is none of left, right'],
    [['over', '--share=2'], '--share: "2" is not a number from 0 to 1'],
  ] as const;
  for (const [argv, message] of wrong) {
    written.length = 0;
    assert.equal(await run(argv), 2);
    assert.deepEqual(written, [`npm run turn: ${message}\n`]);
  }
  assert.equal(calls.length, 0);
  written.length = 0;
  assert.equal(await run(['over']), 2);
  assert.deepEqual(written, ['npm run turn: usage: npm run turn -- WAY [THING]\n']);
});

test('of words that may be repeated any number may be given, and each is looked at', async (t) => {
  const { run, calls, written } = program(t, { mayRepeat: true });
  assert.equal(await run(['over', 'around', 'arund']), 2);
  assert.match(written.join(''), /unknown way "arund"; did you mean "around"\?/);
  assert.equal(calls.length, 0);
});

test('help tells ways, flags with their defaults in the units that they take, and exit codes', async (t) => {
  const { run, calls, written } = program(t);
  assert.equal(await run(['over', '--help', '--no-such']), 0);
  assert.equal(calls.length, 0);
  assert.equal(
    written.join(''),
    `npm run turn: turns things

Usage:
  npm run turn -- WAY [THING]

Ways:
  over    upside down
  around  back to front

Examples:
  npm run turn -- over

Flags:
  --side left|right  which side (default left)
  --parts list       which parts: head, tail (default all)
  --only PATTERN     which names (default all)
  --share number     how much (default 1)
  --wait duration    how long (default 90s)
  --quick            without care (default false)

Exit codes: 0 done, 1 failed, 2 wrong command line.
`,
  );
});

test('a group runs what its first argument names, and lists them with what each is for', async (t) => {
  const { run, written } = program(t);
  const group = defineGroup({
    call: 'npm run do --',
    what: 'work',
    summary: 'does things',
    examples: ['npm run do -- turn over 7'],
    programs: { turn: () => Promise.resolve(run) },
  });
  assert.equal(await group(['turn', 'over', '7']), 7);
  assert.equal(await group(['trun']), 2);
  assert.equal(await group(['--hlep']), 2);
  assert.equal(await group(['--loud', 'turn']), 2);
  assert.equal(await group(['--help']), 0);
  assert.match(written.join(''), /^npm run do: unknown work "trun"; did you mean "turn"\?\n/);
  assert.match(written.join(''), /: unknown flag --hlep; did you mean --help\?\n/);
  assert.match(written.join(''), /: say first which work: turn\n/);
  assert.match(written.join(''), /\nWorks:\n {2}turn {2}turns things\n/);
  assert.match(written.join(''), /'npm run do -- WORK --help' explains each\./);
});
