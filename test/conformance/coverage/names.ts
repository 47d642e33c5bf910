/** The names of upstream's conformance tests, from the list beside this file. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const listFile = join(import.meta.dirname, 'kubernetes-1.36.txt');

/** Whole names, from `[sig-…]` to `[Conformance]`. */
export function conformanceTests(): readonly string[] {
  return readFileSync(listFile, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split('\t')[0] ?? '');
}
