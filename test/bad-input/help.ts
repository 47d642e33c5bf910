/**
 * Every program that a person can call, found from where they are listed: the scripts of `package.json`, the commands of
 * `timonier`, and below a group what its help lists. In: the text of `--help`. Out: what a program says of itself.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commands } from '../../packages/cli/src/commands.ts';
import { type Ended, entry, inParallel, runScript } from './program.ts';

export const root = fileURLToPath(new URL('../../', import.meta.url));

export interface Callable {
  /** What a person types. */
  readonly call: string;
  readonly script: string;
  readonly args: readonly string[];
}

export interface Described extends Callable {
  readonly help: Ended;
  readonly flags: readonly string[];
  /** What its first argument is one of. */
  readonly words: readonly string[];
  /** Whether each of these is a program of its own. */
  readonly isGroup: boolean;
}

/** Those that are called by hand only. */
const byHand = ['test/conformance/coverage/coverage.ts', 'test/conformance/store/long-checks.ts'];

function ofScripts(): readonly Callable[] {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Readonly<Record<string, string>>;
  };
  return Object.entries(scripts).flatMap(([name, line]) => {
    const file = /\.\/bin\/node (\S+)/.exec(line)?.[1];
    const call = name === 'test' ? 'npm test' : `npm run ${name}`;
    return file === undefined ? [] : [{ call, script: join(root, file), args: [] }];
  });
}

/** Where a walk begins. */
export const topmost: readonly Callable[] = [
  ...ofScripts(),
  ...byHand.map((file) => ({ call: `./bin/node ${file}`, script: join(root, file), args: [] })),
  ...commands.map(({ name }) => ({ call: `timonier ${name}`, script: entry, args: [name] })),
];

function describeHelp(program: Callable, help: Ended): Described {
  const section = (heading: RegExp): readonly string[] =>
    [...(heading.exec(help.stdout)?.[1] ?? '').matchAll(/^ {2}(\S+)/gm)].map(([, word = '']) => word);
  return {
    ...program,
    help,
    flags: section(/^Flags:\n((?: {2}.*\n)*)/m).map((flag) => flag.replace('--', '')),
    words: section(/^(?!Usage|Examples|Flags)\w+:\n((?: {2}.*\n)*)/m),
    isGroup: /--help' explains each\.$/m.test(help.stdout),
  };
}

/** All of them, those below groups too, with what they answer to `--help`. */
export async function allPrograms(): Promise<readonly Described[]> {
  const found: Described[] = [];
  let next = topmost;
  while (next.length > 0) {
    const below: Callable[] = [];
    await inParallel(next, 2, async (program) => {
      const help = await runScript(program.script, [...program.args, '--help']);
      const described = describeHelp(program, help);
      found.push(described);
      const dashes = program.call.startsWith('npm ') && program.args.length === 0 ? ' --' : '';
      for (const word of described.isGroup ? described.words : [])
        below.push({
          call: `${program.call}${dashes} ${word}`,
          script: program.script,
          args: [...program.args, word],
        });
    });
    next = below;
  }
  return found.sort((a, b) => (a.call < b.call ? -1 : 1));
}
