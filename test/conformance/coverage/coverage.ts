/**
 * Which conformance tests of upstream have a test here. In: the list of names beside this file, and comments of the form
 * `// Conformance: NAME` in front of a test, or `# Conformance: NAME` at the top of a client's transcript (NAME without
 * the `[sig-…]` in front and the `[Conformance]` behind). Out: `docs/conformance.md`.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineProgram } from '@timonier/component';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const listFile = join(import.meta.dirname, 'kubernetes-1.36.txt');
const page = 'docs/conformance.md';
const mark = '// Conformance: ';
const transcriptMark = '# Conformance: ';

interface Listed {
  readonly sig: string;
  readonly name: string;
}

export interface Covering {
  readonly name: string;
  readonly file: string;
  /** The title of the test, or undefined when no test follows the comment. */
  readonly test: string | undefined;
}

export function listed(): readonly Listed[] {
  return readFileSync(listFile, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const match = /^\[sig-([\w-]+)\] (.*?) ?\[Conformance\]/.exec(line);
      if (match === null) throw new Error(`not the name of a conformance test: ${line}`);
      return { sig: match[1] ?? '', name: (match[2] ?? '').trim() };
    });
}

/** Every annotation in the tests of the repository. */
export function annotations(): readonly Covering[] {
  const files = globSync(['packages/*/src/**/*.test.ts', 'test/**/*.ts'], { cwd: root }).sort();
  return [...files.flatMap(inTests), ...transcripts().flatMap(inTranscript)];
}

function transcripts(): readonly string[] {
  return globSync('test/conformance/clients/*/*.txt', { cwd: root }).sort();
}

/** A transcript is about what its first free line says. */
function inTranscript(file: string): readonly Covering[] {
  const lines = readFileSync(join(root, file), 'utf8').split('\n');
  const head = lines.slice(
    0,
    lines.findIndex((line) => !line.startsWith('#')),
  );
  const about = head.find((line) => !/^# (?:needs|Conformance):/.test(line))?.slice(2);
  return head
    .filter((line) => line.startsWith(transcriptMark))
    .map((line) => ({ name: line.slice(transcriptMark.length).trim(), file, test: about }));
}

function inTests(file: string): readonly Covering[] {
  const lines = readFileSync(join(root, file), 'utf8').split('\n');
  return lines.flatMap((line, i): Covering[] => {
    const at = line.trimStart();
    if (!at.startsWith(mark)) return [];
    return [{ name: at.slice(mark.length).trim(), file, test: titleAfter(lines, i + 1) }];
  });
}

/** The first test behind a comment, which only further comments may stand in between. */
function titleAfter(lines: readonly string[], from: number): string | undefined {
  const rest = lines.slice(from).findIndex((line) => !line.trimStart().startsWith('//'));
  const text = rest < 0 ? '' : lines.slice(from + rest, from + rest + 3).join('\n');
  return /^\s*(?:await )?(?:test|it)\(\s*(['"`])((?:(?!\1).)*)\1/.exec(text)?.[2];
}

/** The page as it should be. */
export function coveragePage(): string {
  const covering = annotations();
  const all = listed();
  const sigs = [...new Set(all.map(({ sig }) => sig))];
  const parts = sigs.map((sig) => {
    const own = all.filter((one) => one.sig === sig);
    const rows = own.map(({ name }) => {
      const found = covering.filter((one) => one.name === name);
      const by = found.map(({ file, test }) => `“${test ?? ''}” ([${file.split('/').at(-1)}](../${file}))`);
      return `- ${name}: ${by.length === 0 ? 'not yet' : `**covered** by ${by.join('; ')}`}`;
    });
    const count = own.filter(({ name }) => covering.some((one) => one.name === name)).length;
    return `## ${sig}: ${count} of ${own.length}\n\n${rows.join('\n')}\n`;
  });
  return `# Conformance

The official conformance tests of Kubernetes 1.36 that are about the API server, and the test of ours that asks for the
same behaviour. Ours run without nodes against a real API server on a real etcd unless they say otherwise; those whose
file ends in \`.txt\` are [transcripts of kubectl](clients.md) on a cluster with nodes. Upstream's own suite has not been run. Made by \`test/conformance/coverage/coverage.ts\` from comments in the tests; \`npm test\` checks
that it is up to date.

${parts.join('\n')}`;
}

export const pageFile = join(root, page);

const call = './bin/node test/conformance/coverage/coverage.ts';

const coverage = defineProgram({
  call,
  summary: `writes ${page}: which conformance tests of upstream have a test here`,
  examples: [call],
  flags: {},
  run: () => {
    writeFileSync(pageFile, coveragePage());
    return Promise.resolve(0);
  },
});

if (process.argv[1] === fileURLToPath(import.meta.url))
  process.exitCode = await coverage(process.argv.slice(2));
