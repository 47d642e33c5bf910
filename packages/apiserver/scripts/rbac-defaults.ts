/**
 * Makes `data/rbac.json`, the default roles and bindings, from the published facts: names, and rules in their short
 * notation, which `src/authorization/bootstrap-policy.ts` reads. Run by hand after the facts change:
 *
 *   ./bin/node packages/apiserver/scripts/rbac-defaults.ts FILE_WITH_FACTS
 */
import { readFileSync, writeFileSync } from 'node:fs';

const [, , file = ''] = process.argv;
const text = readFileSync(file, 'utf8');

/** The rows of the table under a heading; those behind a feature gate are left out. */
function rows(heading: string): string[][] {
  const section = text.split(`\n### ${heading}`)[1]?.split(/\n##/)[0] ?? '';
  return section
    .split('\n')
    .filter(
      (line) =>
        line.startsWith('| ') && !line.startsWith('| ---') && !/^\| (name|namespace\/name) \|/.test(line),
    )
    .map((line) => line.slice(2, -2).split(' | '))
    .filter(([name = '']) => !name.includes('(GATED)'));
}

function role([name = '', content = '']: readonly string[]): Record<string, unknown> {
  const label = / ?\[label ([^\]]+)\]/.exec(content);
  const plain = content.replace(/ ?\[label [^\]]+\]/, '').replace(/; GATED:.*$/, '');
  const aggregates = /^aggregates (.+)$/.exec(plain);
  return {
    name,
    ...(label === null ? {} : { label: label[1] }),
    ...(aggregates === null ? { rules: plain } : { aggregates: aggregates[1] }),
  };
}

const controllers = rows('ClusterRoles of controllers');
const policy = {
  clusterRoles: [...rows('ClusterRoles\n'), ...controllers].map(role),
  roles: rows('Roles\n').map(role),
  bindings: rows('Bindings').map(([name, target, subjects]) => ({ name, role: target, subjects })),
};
const list = (items: readonly unknown[]): string =>
  `[\n    ${items.map((item) => JSON.stringify(item)).join(',\n    ')}\n  ]`;
writeFileSync(
  new URL('../data/rbac.json', import.meta.url),
  `{\n  ${Object.entries(policy)
    .map(([name, items]) => `${JSON.stringify(name)}: ${list(items)}`)
    .join(',\n  ')}\n}\n`,
);
