/** `kubectl describe`: an object in indented lines, with its events. */
import { UsageError } from '@timonier/component';
import { columnText } from './get.ts';
import { type Session, targetsOf } from './session.ts';

type Fields = Readonly<Record<string, unknown>>;

interface EventItem {
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly count?: number;
  readonly lastTimestamp?: string | null;
  readonly eventTime?: string | null;
  readonly source?: { readonly component?: string };
  readonly reportingComponent?: string;
}

/** Bookkeeping of the server that tells a person nothing. */
const hidden = new Set(['managedFields', 'selfLink', 'generation', 'resourceVersion']);

export async function describe(session: Session, positional: readonly string[]): Promise<number> {
  const targets = targetsOf(positional);
  if (targets.length === 0)
    throw new UsageError('what should be described? For example: timonier kubectl describe pod NAME');
  let first = true;
  for (const { type: typeName, name } of targets) {
    const type = await session.resource(typeName);
    const path = session.path(type, session.namespace, name);
    const body = JSON.parse((await session.request('GET', path)).toString('utf8')) as Fields & {
      items?: Fields[];
    };
    for (const object of name === undefined ? (body.items ?? []) : [body]) {
      if (!first) process.stdout.write('\n\n');
      first = false;
      process.stdout.write(objectText(object));
      process.stdout.write(await eventsText(session, object));
    }
  }
  if (first) process.stderr.write(`No resources found in ${session.namespace} namespace.\n`);
  return 0;
}

/** Name and labels first, then everything else by its field names. */
export function objectText(object: Fields): string {
  const metadata = fields(object['metadata']);
  const head: Fields = {
    name: metadata['name'],
    namespace: metadata['namespace'],
    labels: metadata['labels'],
    annotations: metadata['annotations'],
    creationTimestamp: metadata['creationTimestamp'],
    ownerReferences: metadata['ownerReferences'],
  };
  const { apiVersion: _apiVersion, kind: _kind, metadata: _metadata, ...rest } = object;
  return lines({ ...head, ...rest }, 0).join('');
}

function lines(object: Fields, depth: number): string[] {
  const indent = '  '.repeat(depth);
  return Object.entries(object).flatMap(([name, value]): string[] => {
    if (value === undefined || value === null || hidden.has(name)) return [];
    const title = depth === 0 || /^[a-z][A-Za-z]*$/.test(name) ? titleOf(name) : name;
    if (Array.isArray(value)) {
      if (value.length === 0) return [];
      if (value.every((item) => typeof item !== 'object'))
        return [`${indent}${title}:  ${value.join(', ')}\n`];
      return [`${indent}${title}:\n`, ...value.flatMap((item) => listItem(fields(item), depth + 1))];
    }
    if (typeof value === 'object') {
      const inner = lines(value as Fields, depth + 1);
      return inner.length === 0 ? [] : [`${indent}${title}:\n`, ...inner];
    }
    return [`${indent}${title}:  ${scalarText(value)}\n`];
  });
}

function listItem(item: Fields, depth: number): string[] {
  const [first, ...rest] = lines(item, depth);
  const dashed = first === undefined ? '' : first.replace(/^(\s*)\s\s/, '$1- ');
  return [dashed, ...rest];
}

function scalarText(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.includes('\n') ? `\n${text.replace(/^/gm, '    ')}` : text;
}

function titleOf(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1).replace(/([a-z])([A-Z])/g, '$1 $2');
}

async function eventsText(session: Session, object: Fields): Promise<string> {
  const { uid, namespace } = fields(object['metadata']);
  if (typeof uid !== 'string') return '';
  const scope = typeof namespace === 'string' ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  const selector = encodeURIComponent(`involvedObject.uid=${uid}`);
  const answer = await session.client.request('GET', `/api/v1${scope}/events?fieldSelector=${selector}`);
  if (answer.status !== 200) return '';
  const { items = [] } = JSON.parse(answer.body.toString('utf8')) as { items?: EventItem[] };
  if (items.length === 0) return 'Events:  <none>\n';
  const when = (event: EventItem): string => event.lastTimestamp ?? event.eventTime ?? '';
  const rows = items
    .toSorted((a, b) => when(a).localeCompare(when(b)))
    .map((event) => [
      `  ${event.type ?? ''}`,
      event.reason ?? '',
      when(event),
      event.source?.component ?? event.reportingComponent ?? '',
      event.message ?? '',
    ]);
  return `Events:\n${columnText([['  Type', 'Reason', 'Last', 'From', 'Message'], ...rows])}`;
}

function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}
