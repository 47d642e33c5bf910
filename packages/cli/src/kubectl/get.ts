/** `kubectl get`: tables as the server prints them, or the objects themselves. */
import { UsageError } from '@timonier/component';
import { stringify } from 'yaml';
import { reportName, type ServedResource, type Session, targetsOf } from './session.ts';

const tableType = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';

export interface Table {
  readonly columnDefinitions?: readonly { readonly name: string; readonly priority?: number }[];
  readonly rows?: readonly {
    readonly cells: readonly unknown[];
    readonly object?: { readonly metadata?: { readonly name?: string; readonly namespace?: string } };
  }[];
}

export interface GetOptions {
  readonly output: string;
  readonly selector: string;
  readonly fieldSelector: string;
  readonly allNamespaces: boolean;
  readonly noHeaders: boolean;
}

/** An object or a list as people read it: who manages which field is left out, as kubectl does. */
export function withoutManagers<T extends object>(value: T): T {
  const { metadata, items, ...rest } = value as {
    metadata?: Readonly<Record<string, unknown>>;
    items?: readonly object[];
  };
  const { managedFields: _, ...kept } = metadata ?? {};
  const shown = {
    ...rest,
    ...(metadata === undefined ? {} : { metadata: kept }),
    ...(items === undefined ? {} : { items: items.map(withoutManagers) }),
  };
  // In the order in which they came.
  return Object.fromEntries(Object.keys(value).map((key) => [key, shown[key as keyof typeof shown]])) as T;
}

interface Listed {
  readonly kind?: string;
  readonly items?: readonly { readonly metadata?: { readonly name?: string } }[];
  readonly metadata?: { readonly name?: string };
}

export async function get(
  session: Session,
  positional: readonly string[],
  options: GetOptions,
): Promise<number> {
  const targets = targetsOf(positional);
  if (targets.length === 0)
    throw new UsageError('what should be got? For example: timonier kubectl get pods');
  if (!['', 'wide', 'json', 'yaml', 'name'].includes(options.output)) {
    throw new UsageError(`--output is wide, json, yaml or name, not "${options.output}"`);
  }
  const documents: unknown[] = [];
  let printed = false;
  for (const [index, { type: typeName, name }] of targets.entries()) {
    const type = await session.resource(typeName);
    const path = pathOf(session, type, name, options);
    if (options.output === '' || options.output === 'wide') {
      const body = await session.request('GET', path, undefined, { accept: tableType });
      const table = JSON.parse(body.toString('utf8')) as Table;
      if ((table.rows ?? []).length === 0) continue;
      const repeated = index > 0 && name !== undefined && targets[index - 1]?.type === typeName;
      if (printed && !repeated) process.stdout.write('\n');
      const withNamespace = options.allNamespaces && type.namespaced;
      process.stdout.write(
        tableText(table, options.output === 'wide', withNamespace, options.noHeaders || repeated),
      );
      printed = true;
      continue;
    }
    const body = JSON.parse((await session.request('GET', path)).toString('utf8')) as Listed;
    if (options.output === 'name') {
      for (const item of body.items ?? [body])
        process.stdout.write(`${reportName(type, item.metadata?.name ?? '')}\n`);
    } else documents.push(withoutManagers(body));
    printed = true;
  }
  const document =
    documents.length === 1 ? documents[0] : { apiVersion: 'v1', kind: 'List', items: documents };
  if (options.output === 'json') process.stdout.write(`${JSON.stringify(document, null, 4)}\n`);
  if (options.output === 'yaml') process.stdout.write(stringify(document));
  if (!printed) {
    const where = options.allNamespaces ? '' : ` in ${session.namespace} namespace`;
    process.stderr.write(`No resources found${where}.\n`);
  }
  return 0;
}

function pathOf(
  session: Session,
  type: ServedResource,
  name: string | undefined,
  options: GetOptions,
): string {
  const path = session.path(type, options.allNamespaces ? null : session.namespace, name);
  const query = new URLSearchParams();
  if (options.selector !== '') query.set('labelSelector', options.selector);
  if (options.fieldSelector !== '') query.set('fieldSelector', options.fieldSelector);
  return query.size === 0 ? path : `${path}?${query.toString()}`;
}

/** The table in columns, wide ones only when asked for. */
export function tableText(table: Table, wide: boolean, withNamespace: boolean, noHeaders: boolean): string {
  const columns = (table.columnDefinitions ?? [])
    .map((column, index) => ({ ...column, index }))
    .filter((column) => wide || (column.priority ?? 0) === 0);
  const header = columns.map((column) => column.name.toUpperCase());
  const rows = (table.rows ?? []).map((row) => {
    const cells = columns.map((column) => cellText(row.cells[column.index]));
    return withNamespace ? [row.object?.metadata?.namespace ?? '', ...cells] : cells;
  });
  const lines = noHeaders ? rows : [withNamespace ? ['NAMESPACE', ...header] : header, ...rows];
  return columnText(lines);
}

/** Lines of cells, each column as wide as its widest cell. */
export function columnText(lines: readonly (readonly string[])[]): string {
  const count = Math.max(0, ...lines.map((line) => line.length));
  const widths = Array.from({ length: count }, (_, i) =>
    Math.max(0, ...lines.map((line) => line[i]?.length ?? 0)),
  );
  const text = (line: readonly string[]): string =>
    line
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('   ')
      .trimEnd();
  return lines.map((line) => `${text(line)}\n`).join('');
}

function cellText(value: unknown): string {
  if (value === null || value === undefined || value === '') return '<none>';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
