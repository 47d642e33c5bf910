/**
 * Which conformance tests of upstream pass here, and which have a test of ours. In: the list of names beside this file,
 * the record of runs of upstream's own suite, and comments of the form `// Conformance: NAME` in front of a test, or
 * `# Conformance: NAME` at the top of a client's transcript (NAME without the `[sig-…]` in front and the `[Conformance]`
 * behind). Out: `docs/conformance.md`.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineProgram } from '@timonier/component';
import { reasonFor } from '../e2e/expected.ts';
import { type Recorded, readRecord } from '../e2e/record.ts';
import { conformanceTests } from './names.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const page = 'docs/conformance.md';
const mark = '// Conformance: ';
const transcriptMark = '# Conformance: ';

interface Listed {
  readonly sig: string;
  /** Without the group in front and the mark behind. */
  readonly name: string;
  readonly whole: string;
}

export interface Covering {
  readonly name: string;
  readonly file: string;
  /** The title of the test, or undefined when no test follows the comment. */
  readonly test: string | undefined;
}

export function listed(): readonly Listed[] {
  return conformanceTests().map((whole) => {
    const match = /^\[sig-([\w-]+)\] (.*?) ?\[Conformance\]/.exec(whole);
    if (match === null) throw new Error(`not the name of a conformance test: ${whole}`);
    return { sig: match[1] ?? '', name: (match[2] ?? '').trim(), whole };
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

/** What upstream's own test said, for the page. */
function verdict(whole: string, record: ReadonlyMap<string, Recorded>): string {
  const one = record.get(whole);
  if (one?.state === 'passed') return '**passed**';
  const known = reasonFor(whole);
  if (one === undefined) return known === undefined ? 'not run yet' : `cannot pass: ${known}`;
  return `${one.state}: ${known ?? quoted(one.why)}`;
}

/** Reasons are texts of programs, not of this page. */
function quoted(text: string): string {
  return `\`${text.replaceAll('`', '’')}\``;
}

/** When and on what the tests of the record ran. */
function runs(record: readonly Recorded[]): string {
  const lines = new Map<string, number>();
  for (const { suite, commit, date, store } of record) {
    const on = store === 'etcd' ? 'etcd' : 'the built-in store';
    const line = `${date}, \`e2e.test\` ${suite}, commit ${commit}, on ${on}`;
    lines.set(line, (lines.get(line) ?? 0) + 1);
  }
  return [...lines]
    .map(([line, count]) => `- ${line}: ${count} tests`)
    .sort()
    .join('\n');
}

/** The page as it should be. */
export function coveragePage(): string {
  const covering = annotations();
  const all = listed();
  const results = readRecord();
  const record = new Map(results.map((one) => [one.name, one]));
  const sigs = [...new Set(all.map(({ sig }) => sig))];
  const passes = (tests: readonly Listed[]): number =>
    tests.filter(({ whole }) => record.get(whole)?.state === 'passed').length;
  const isCovered = ({ name }: Listed): boolean => covering.some((one) => one.name === name);
  const groups = sigs.map((sig) => {
    const own = all.filter((one) => one.sig === sig);
    const ran = own.filter(({ whole }) => record.has(whole)).length;
    const ours = own.filter(isCovered).length;
    return `- ${sig}: ${passes(own)} passed of ${ran} that ran, of ${own.length}${ours === 0 ? '' : `; ${ours} with a test of ours`}`;
  });
  const parts = sigs.map((sig) => {
    const own = all.filter((one) => one.sig === sig);
    const rows = own.map(({ name, whole }) => {
      const found = covering.filter((one) => one.name === name);
      const by = found.map(({ file, test }) => `“${test ?? ''}” ([${file.split('/').at(-1)}](../${file}))`);
      return `- ${name.replaceAll('*', '\\*')}: ${verdict(whole, record)}${by.length === 0 ? '' : `; here ${by.join('; ')}`}`;
    });
    return `## ${sig}: ${passes(own)} of ${own.length} passed\n\n${rows.join('\n')}\n`;
  });
  return `# Conformance

The official conformance tests of Kubernetes 1.36: what upstream's own suite said when it ran on a cluster of this project,
and the test of ours that asks for the same behaviour, where there is one. Ours run without nodes against a real API server
on a real etcd unless they say otherwise; those whose file ends in \`.txt\` are [transcripts of kubectl](clients.md) on a
cluster with nodes.

## Running upstream's suite

\`\`\`sh
npm run peers -- e2e.test agnhost nonewprivs sample-apiserver kubectl etcd etcdctl  # once: builds upstream's programs with Go
npm run conformance -- e2e                                # all ${all.length} tests, on 3 masters and 2 workers
npm run conformance -- e2e --focus 'sig-api-machinery'    # some
npm run conformance -- e2e --skip-known                   # without those that are known to fail
npm run conformance -- e2e --store etcd --record          # on etcd; writes the outcomes into the record
\`\`\`

It exits 1 when a test fails that \`test/conformance/e2e/expected.ts\` does not give a reason for. No registry is asked:
the images are upstream's programs, built from the same module as the suite, on Debian's busybox, glibc, nginx and tools
where upstream takes Alpine's or another release of them. Images that cannot be made so are left out, and tests that need
them fail with that reason.

## Seen

${groups.join('\n')}

The last run of each test:

${runs(results)}

Made by \`test/conformance/coverage/coverage.ts\` from the record and from comments in the tests; \`npm test\` checks that it
is up to date.

${parts.join('\n')}`;
}

export const pageFile = join(root, page);

const call = './bin/node test/conformance/coverage/coverage.ts';

const coverage = defineProgram({
  call,
  summary: `writes ${page}: which conformance tests of upstream pass, and have a test here`,
  examples: [call],
  flags: {},
  run: () => {
    writeFileSync(pageFile, coveragePage());
    return Promise.resolve(0);
  },
});

if (process.argv[1] === fileURLToPath(import.meta.url))
  process.exitCode = await coverage(process.argv.slice(2));
