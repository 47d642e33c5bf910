/**
 * Holds the direction of imports that the layout promises: a package imports only from the rows above its own, and
 * the components of one row never import each other; they meet at public protocols.
 */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

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
  { packages: ['cli'], mayImportEachOther: false },
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

/** Names of packages, ours and others', that a file imports or asks for by name; the runtime's own aside. */
function packagesIn(file: string): string[] {
  const text = readFileSync(root + file, 'utf8');
  const asked =
    /(?:^(?:import|export|\}).*from |^import |import\(|require\(|[rR]equire\.resolve\()'((?:@[\w-]+\/)?[a-z][\w-]*)(?:\/[^']*)?'/gm;
  return [...text.matchAll(asked)].map(([, name = '']) => name).filter((name) => !isBuiltin(name));
}

/** Whether a file names a package, be it for `require` at run time. */
function names(file: string, name: string): boolean {
  const text = readFileSync(root + file, 'utf8');
  return text.includes(`'${name}'`) || text.includes(`'${name}/`);
}

test('a package declares what it imports, and imports what it declares', () => {
  const wrong: string[] = [];
  const read = (path: string): Manifest => JSON.parse(readFileSync(root + path, 'utf8')) as Manifest;
  const forTests = Object.keys(read('package.json').devDependencies ?? {});
  let found = 0;
  for (const manifest of globSync('packages/*/package.json', { cwd: root })) {
    const { dependencies = {}, devDependencies = {} } = read(manifest);
    const files = globSync(`${dirname(manifest)}/{src,scripts}/**/*.ts`, { cwd: root });
    const declared = Object.keys(dependencies);
    const imported = new Set(files.filter((file) => !file.endsWith('.test.ts')).flatMap(packagesIn));
    const tested = new Set(files.filter((file) => file.endsWith('.test.ts')).flatMap(packagesIn));
    found += imported.size;
    for (const name of imported)
      if (!declared.includes(name) && !forTests.includes(name)) wrong.push(`${manifest} lacks ${name}`);
    for (const name of tested)
      if (![...declared, ...Object.keys(devDependencies), ...forTests].includes(name))
        wrong.push(`${manifest} lacks ${name}, for its tests`);
    for (const name of declared)
      if (!files.some((file) => names(file, name))) wrong.push(`${manifest} has ${name} for nothing`);
  }
  assert.ok(found > 50, `only ${found} imports of packages were found: the search is broken`);
  assert.deepEqual(wrong, []);
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
