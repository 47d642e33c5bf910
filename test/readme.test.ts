/**
 * Holds the README to the truth: each command in it exists, each file and link it names is there. That the commands do
 * what it says is what the acceptance run shows.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));
const readme = readFileSync(`${root}README.md`, 'utf8');
const scripts = Object.keys(
  (JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { scripts: object }).scripts,
);
const timonier = (...args: string[]): string =>
  execFileSync(process.execPath, [`${root}packages/cli/src/main.ts`, ...args], { encoding: 'utf8' });

test('every npm command of the README is a script', () => {
  const named = [...readme.matchAll(/npm (?:run ([a-z:]+)|(start|test))/g)].map(
    (match) => match[1] ?? match[2] ?? '',
  );
  assert.ok(named.length >= 4, 'the README names its npm commands');
  assert.deepEqual(
    named.filter((name) => !scripts.includes(name)),
    [],
  );
});

test('every timonier command of the README is one', () => {
  const help = timonier('--help');
  const named = new Set([...readme.matchAll(/timonier ([a-z][a-z-]+)/g)].map((match) => match[1] ?? ''));
  assert.ok(named.size >= 6, 'the README names its commands');
  for (const name of named)
    assert.match(help, new RegExp(`^  ${name} `, 'm'), `"timonier ${name}" is not a command`);
});

test('every benchmark of the README is one', () => {
  for (const [, name = ''] of readme.matchAll(/^\| `([a-z]+)`:/gm)) {
    assert.ok(existsSync(`${root}benchmarks/${name}/main.ts`), `there is no benchmark ${name}`);
  }
});

test('every file and folder that the README names is there', () => {
  const links = [...readme.matchAll(/\]\(([^)#]+)\)/g)].map((match) => match[1] ?? '');
  const files = [...readme.matchAll(/-f (\S+\.yaml)/g)].map((match) => match[1] ?? '');
  for (const path of [...links, ...files]) assert.ok(existsSync(root + path), `${path} is not there`);
});
