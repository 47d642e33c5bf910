/**
 * Every program answers `--help` and a wrong command line alike, and the pages tell its flags: whatever is told of one
 * exists, and what a person may want is told somewhere.
 */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { commands } from '../../packages/cli/src/commands.ts';
import { allPrograms, type Described, root } from './help.ts';
import { inParallel, runScript } from './program.ts';

let programs: readonly Described[] = [];
before(async () => {
  programs = await allPrograms();
});

/** With a letter of the middle left out; undefined of a name that is too short to be still known. */
function misspelt(names: readonly string[]): readonly [wrong: string, right: string] | undefined {
  for (const name of names) {
    const middle = Math.floor(name.length / 2);
    const wrong = name.slice(0, middle) + name.slice(middle + 1);
    if (name.length > 4 && !names.includes(wrong)) return [wrong, name];
  }
  return undefined;
}

test('every program is found', () => {
  const calls = programs.map(({ call }) => call);
  for (const call of ['npm test', 'npm run bench -- store', 'npm run conformance -- peer', 'timonier up'])
    assert.ok(calls.includes(call), `${call} is none of ${calls.join(', ')}`);
  assert.ok(calls.includes('timonier member add') && calls.includes('npm run sim'));
});

test('--help says what a program is for, how it is called, with an example, and exits with 0', () => {
  const wrong = programs.filter(({ call, help: { code, stdout, stderr } }) => {
    const start = stdout.startsWith(`${call}: `);
    const usage = stdout.includes(`\nUsage:\n  ${call}`);
    const example = /^Examples:\n {2}(?:npm|timonier|\.\/bin\/node) /m.test(stdout);
    const codes = /^Exit codes: 0 /m.test(stdout);
    return !(code === 0 && stderr === '' && start && usage && example && codes);
  });
  assert.deepEqual(
    wrong.map(({ call, help }) => ({ call, ...help })),
    [],
  );
});

test('every flag has a text, and a default unless it has none', () => {
  const lines = programs.flatMap(({ call, help }) =>
    [...help.stdout.matchAll(/^ {2}--.*$/gm)].map(([line]) => `${call}: ${line}`),
  );
  assert.ok(lines.length > 200);
  assert.deepEqual(
    lines.filter((line) => !/: {3}--\S+( \S+)? {2,}\S.*$/.test(line) || /undefined|NaN/.test(line)),
    [],
  );
});

test('an unknown flag or word is one line that names the nearest, and exit code 2', async () => {
  const wrong: string[] = [];
  const lines = programs.flatMap(({ script, args, call, flags, words, isGroup }) => {
    const flag = misspelt(flags);
    const word = misspelt(words);
    const of = (given: string, meant: string) => ({ script, args: [...args, given], call, meant });
    return [
      ...(isGroup
        ? []
        : flag === undefined
          ? [of('--no-such-flag', '--help lists')]
          : [of(`--${flag[0]}`, `did you mean --${flag[1]}?`)]),
      ...(word === undefined ? [] : [of(word[0], `did you mean "${word[1]}"?`)]),
    ];
  });
  await inParallel(lines, 2, async ({ script, args, call, meant }) => {
    const { code, stdout, stderr } = await runScript(script, args);
    const isOneLine = stderr.indexOf('\n') === stderr.length - 1;
    if (
      code !== 2 ||
      stdout !== '' ||
      !isOneLine ||
      !stderr.startsWith(`${call}: `) ||
      !stderr.includes(meant)
    )
      wrong.push(`${call} ${args.at(-1)}: code ${code}, ${stdout}${stderr}`);
  });
  assert.deepEqual(wrong, []);
});

/** Decisions tell how things were. */
const pages = globSync(['README.md', 'docs/*.md', 'docs/operations/*.md'], { cwd: root }).map(
  (name) => [name, readFileSync(join(root, name), 'utf8')] as const,
);

/** The flags that `text`, which follows the call of a program, gives to it. */
function flagsIn(text: string): readonly string[] {
  const command = text.split(/`|\s#|\||&&/)[0] ?? '';
  return [...(command.split(' -- ')[0] ?? '').matchAll(/(?<=[\s[(])--([a-z][a-z0-9-]+)/g)].map(
    ([, name = '']) => name,
  );
}

test('every flag that a page gives to a program is one', () => {
  const wrong: string[] = [];
  let told = 0;
  const byLength = [...programs].sort((a, b) => b.call.length - a.call.length);
  for (const [page, text] of pages)
    for (const [, line = ''] of text.matchAll(/((?:npm (?:run|test)|timonier|\.\/bin\/node) .*)/g)) {
      const program = byLength.find(({ call }) => line === call || line.startsWith(`${call} `));
      if (program === undefined) continue;
      const rest = line.slice(program.call.length).replace(/^ \[?-- /, ' ');
      const known = program.isGroup
        ? programs.filter(({ call }) => call.startsWith(program.call)).flatMap(({ flags }) => flags)
        : program.flags;
      for (const flag of flagsIn(rest)) {
        told++;
        if (!known.includes(flag) && flag !== 'help') wrong.push(`${page}: ${program.call} --${flag}`);
      }
    }
  assert.ok(told > 50, `only ${told} flags were found`);
  assert.deepEqual(wrong, []);
});

/** Theirs are etcd's and Kubernetes' where there is one, and their help is the list of them. */
const components: ReadonlySet<string> = new Set(
  commands.filter(({ group }) => group === 'component').map(({ name }) => `timonier ${name}`),
);

test('every flag of what a person calls is told on a page', () => {
  const all = pages.map(([, text]) => text).join('\n');
  const forPeople = programs.filter(({ call }) => !components.has(call));
  const untold = forPeople.flatMap(({ call, flags }) =>
    flags.filter((flag) => !new RegExp(`-${flag}(?![a-z-])`).test(all)).map((flag) => `${call} --${flag}`),
  );
  assert.deepEqual(untold, []);
});
