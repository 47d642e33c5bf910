/**
 * No regular expression may take longer than in proportion to what it reads: matching is one step that nothing interrupts, and a text
 * of some kilobytes would hold a whole server. V8's engine goes back, Go's, which upstream has, does not. What is allowed has its
 * reason beside it.
 */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { test } from 'node:test';
import { tokenizer, tokTypes } from 'acorn';
import { analyse } from 'scslre';

const short = 'what it reads is a few characters that we made ourselves, or that were counted before';
const trusted = 'it reads what this host tells, or who runs it';
const always = 'it matches whatever comes, and so never goes back';

const allowed: Readonly<Record<string, string>> = {
  [String.raw`/=+$/`]: 'Base64 ends with two of them at most',
  [String.raw`/0+$/`]: short,
  [String.raw`/\B(?=(\d{3})+$)/g`]: short,
  [String.raw`/^-?\d+\.?\d*$/`]: short,
  [String.raw`/(\d+)\.(\d+)\.(\d+)\.(\d+)$/`]: 'it is an address by then',
  [String.raw`/[\d.]+$/`]: 'it is an address by then',
  [String.raw`/^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(.*)$/s`]: short,
  [String.raw`/\+.*$/`]: short,
  [String.raw`/^([+-]?)(\d*)(?:\.(\d*))?([A-Za-z]*)([-+]?\d*)$/`]: short,
  [String.raw`/(\d*)(?:\.(\d*))?(ns|us|µs|ms|s|m|h)/g`]: 'it is a duration by then: each number has a unit',
  [String.raw`/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/g`]:
    'it is a duration by then: each number has a unit',
  [String.raw`/^([^:/?#]+:)?(?:\/\/([^/?#]*))?([^?#]*)(.*)$/s`]: always,
  [String.raw`/^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/([^/?#]*))?[^?#]*(?:\?([^#]*))?(?:#(.*))?$/s`]: always,
  [String.raw`/#.*$/s`]: always,
  [String.raw`/^[-+]?(\d*)(.*)$/s`]: always,
  [String.raw`/\/+$/`]: trusted,
  [String.raw`/[-.]+$/`]: short,
  [String.raw`/\0+$/`]: short,
  [String.raw`/\/.*$/`]: trusted,
  [String.raw`/^NSpid:\s*(.*)$/m`]: trusted,
  [String.raw`/(\w+)=(?:"([^"]*)"|([^\s,]+))/g`]: 'Node takes no more than 16 KiB of headers from a registry',
  [String.raw`/\n+Possible enum values:[\s\S]*$/`]: 'it reads texts of upstream that are built in',
};

/** Every pattern of the sources that run, with one place where it stands. */
function patterns(): ReadonlyMap<string, string> {
  const root = new URL('..', import.meta.url).pathname;
  const found = new Map<string, string>();
  for (const file of globSync('packages/*/src/**/*.ts', { cwd: root })) {
    if (file.endsWith('.test.ts') || file.includes('/testing/')) continue;
    const source = stripTypeScriptTypes(readFileSync(`${root}${file}`, 'utf8'));
    for (const { type, start, end } of tokenizer(source, { ecmaVersion: 'latest', sourceType: 'module' }))
      if (type === tokTypes.regexp) found.set(source.slice(start, end), file);
  }
  return found;
}

test('no pattern goes back more than in proportion to what it reads', () => {
  const found = patterns();
  assert.ok(found.size > 200);
  const slow = new Map<string, string>();
  for (const [pattern, file] of found) {
    const end = pattern.lastIndexOf('/');
    const { reports } = analyse({ source: pattern.slice(1, end), flags: pattern.slice(end + 1) });
    if (reports.length > 0) slow.set(pattern, file);
  }
  const unexplained = [...slow].filter(([pattern]) => !Object.hasOwn(allowed, pattern));
  assert.deepEqual(unexplained, []);
  assert.deepEqual(
    Object.keys(allowed).filter((pattern) => !slow.has(pattern)),
    [],
    'nothing is allowed that is not there',
  );
});
