/**
 * Holds the direction of imports that the layout promises: a package imports only from the rows above its own, and
 * the components of one row never import each other; they meet at public protocols.
 */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));

const rows: readonly { readonly packages: readonly string[]; readonly mayImportEachOther: boolean }[] = [
  { packages: ['raft', 'store', 'grpc', 'streaming', 'linux', 'component'], mayImportEachOther: true },
  { packages: ['api', 'client', 'pki', 'cel'], mayImportEachOther: true },
  // The pod network is a library of its own that the proxy process runs.
  { packages: ['network'], mayImportEachOther: false },
  {
    packages: ['apiserver', 'scheduler', 'controllers', 'cloud', 'cri', 'kubelet', 'proxy', 'dns'],
    mayImportEachOther: false,
  },
  { packages: ['master', 'worker'], mayImportEachOther: true },
  { packages: ['cli', 'dashboard'], mayImportEachOther: true },
];

/** Why `from` may not import `to`, or undefined when it may. */
function objection(from: string, to: string): string | undefined {
  const rowOf = (name: string): number => rows.findIndex((row) => row.packages.includes(name));
  const [fromRow, toRow] = [rowOf(from), rowOf(to)];
  if (fromRow < 0 || toRow < 0) return `${fromRow < 0 ? from : to} has no row in this test`;
  if (from === to || toRow < fromRow) return undefined;
  if (toRow > fromRow) return `${to} lies above ${from}`;
  return rows[fromRow]?.mayImportEachOther === true
    ? undefined
    : `${from} and ${to} are components of one row`;
}

test('the rule refuses an upward import and one between components, and allows a downward one', () => {
  assert.notEqual(objection('store', 'apiserver'), undefined);
  assert.notEqual(objection('kubelet', 'cri'), undefined);
  assert.equal(objection('kubelet', 'client'), undefined);
});

test('every import between packages goes in the direction of the layout', () => {
  const violations: string[] = [];
  let imports = 0;
  for (const file of globSync('packages/*/src/**/*.ts', { cwd: root })) {
    const from = file.split('/')[1] ?? '';
    for (const match of readFileSync(root + file, 'utf8').matchAll(
      /from '@timonier\/([a-z]+)|import\('@timonier\/([a-z]+)/g,
    )) {
      imports++;
      const why = objection(from, match[1] ?? match[2] ?? '');
      if (why !== undefined) violations.push(`${file}: ${why}`);
    }
  }
  assert.ok(imports > 20, `only ${imports} imports were found: the search is broken`);
  assert.deepEqual(violations, []);
});

/** The first circle among files, in order; undefined when there is none. */
function circle(
  importsOf: (file: string) => readonly string[],
  files: readonly string[],
): string[] | undefined {
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const next of importsOf(file)) {
      const found = visit(next, [...path, file]);
      if (found !== undefined) return found;
    }
    done.add(file);
    return undefined;
  };
  for (const file of files) {
    const found = visit(file, []);
    if (found !== undefined) return found;
  }
  return undefined;
}

test('a circle of imports is found, and a diamond is none', () => {
  const graph: Record<string, readonly string[]> = { a: ['b', 'c'], b: ['d'], c: ['d'], d: [] };
  const importsOf = (file: string): readonly string[] => graph[file] ?? [];
  assert.equal(circle(importsOf, ['a']), undefined);
  graph['d'] = ['b'];
  assert.deepEqual(circle(importsOf, ['a']), ['b', 'd', 'b']);
});

/** Types included: each file can be read after those that it imports. */
test('no file imports itself by way of others', () => {
  const files = globSync('packages/*/src/**/*.ts', { cwd: root });
  const importsOf = (file: string): string[] =>
    [...readFileSync(root + file, 'utf8').matchAll(/ from '(\.[^']+)'/g)].map(([, to = '']) =>
      normalize(join(dirname(file), to)),
    );
  assert.ok(files.length > 1_000, `only ${files.length} files were found: the search is broken`);
  assert.equal(circle(importsOf, files), undefined);
});
