/**
 * Makes `docs/kinds.md` from the registry: every kind with its names, scope, verbs and parts.
 *
 *   ./bin/node packages/api/scripts/kinds-page.ts
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { apiVersionOf, registry, type ResourceInfo } from '../src/registry.ts';

export const pageFile = join(import.meta.dirname, '../../../docs/kinds.md');

const HEAD = ['kind', 'resource', 'short', 'scope', 'subresources', 'selectable fields', 'columns'];
const EVERYWHERE: ReadonlySet<string> = new Set(['metadata.name', 'metadata.namespace']);

function row(info: ResourceInfo): string[] {
  const wide = (priority: number): string => (priority > 0 ? '\\*' : '');
  const fields = info.selectableFields.filter((field) => !EVERYWHERE.has(field));
  const isStored = info.storagePrefix !== undefined;
  return [
    info.kind,
    info.resource,
    info.shortNames.join(', '),
    info.namespaced ? 'namespace' : 'cluster',
    info.subresources.map(({ name }) => name).join(', '),
    fields.join(', '),
    isStored ? info.columns.map(({ name, priority }) => name + wide(priority)).join(', ') : '',
  ].map((cell) => (cell === '' ? '–' : cell));
}

/** A table whose columns line up, as the formatter wants them. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = HEAD.map((_, i) => Math.max(...rows.map((cells) => (cells[i] ?? '').length)));
  const line = (cells: readonly string[], fill = ' '): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0, fill)).join(' | ')} |`;
  const [head = [], ...body] = rows;
  return [
    line(head),
    line(
      HEAD.map(() => '---'),
      '-',
    ),
    ...body.map((cells) => line(cells)),
  ].join('\n');
}

/** The page as it should be. */
export function kindsPage(): string {
  const sections = registry.groups().flatMap(({ group, versions }) =>
    versions.map((version) => {
      const kinds = registry.all().filter((info) => info.group === group && info.version === version);
      const first = kinds[0];
      if (first === undefined) throw new Error(`nothing is in ${group}/${version}`);
      return `## ${apiVersionOf(first)}\n\n${table([HEAD, ...kinds.map(row)])}\n`;
    }),
  );
  const count = registry.all().length;
  return `# Kinds

The ${count} built-in resources of Kubernetes 1.36 that are generally available, as the API server serves them. Every stored
kind can be created, read, listed, watched, updated, patched in four ways and deleted, in JSON, YAML and protobuf; kinds
without columns here are answered and not stored. Columns with a star are shown by \`-o wide\` only; every kind can be
selected by name and namespace.

Made by \`packages/api/scripts/kinds-page.ts\` from the registry; a test checks that it is up to date.

${sections.join('\n')}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(pageFile, kindsPage());
