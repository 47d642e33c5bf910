/** Holds the pages together: each link in them leads somewhere, and each page but a decision is linked from another. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));
const pages = globSync(['*.md', 'docs/**/*.md', 'packages/*/*.md'], { cwd: root });

/** Where the links of a page lead, as paths from the root; those to other machines aside. */
function linksOf(page: string): string[] {
  const text = readFileSync(join(root, page), 'utf8');
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target.replace(/#.*/, ''))
    .filter((target) => target !== '' && !/^[a-z]+:/.test(target))
    .map((target) => normalize(join(dirname(page), target)));
}

test('every link between pages leads somewhere', () => {
  assert.ok(pages.length > 50, 'there are pages');
  const broken = pages.flatMap((page) =>
    linksOf(page)
      .filter((target) => !existsSync(join(root, target)))
      .map((target) => `${page}: ${target}`),
  );
  assert.deepEqual(broken, []);
});

test('every page but a decision is linked from another', () => {
  const linked = new Set(pages.flatMap((page) => linksOf(page).filter((target) => target !== page)));
  const lost = pages.filter(
    (page) => page !== 'README.md' && !page.startsWith('docs/decisions/') && !linked.has(page),
  );
  assert.deepEqual(lost, []);
});
