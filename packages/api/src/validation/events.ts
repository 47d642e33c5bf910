/**
 * The rules of events, which are served in two shapes: what is wrong is named by the fields of the core one in both.
 * Those who write the newer shape are held to more.
 */
import type { Event, EventsV1Event } from '../generated/types.ts';
import { checkDns1123Subdomain, checkQualifiedName } from '../names.ts';
import { immutable, invalidBy, same } from './checks.ts';
import { invalid, required, type FieldError } from './field-error.ts';
import { rules, type Rules } from './rules.ts';

const MAX_TEXT = 128;
const MAX_MESSAGE = 1024;

/** In the words of upstream's own type: the core shape, but for the name of who reports. */
interface AnyEvent extends Omit<Event, 'reportingComponent'> {
  readonly reportingController?: string | undefined;
}

function fromCore(event: Event): AnyEvent {
  const { reportingComponent, ...rest } = event;
  return { ...rest, reportingController: reportingComponent };
}

function fromNewer(event: EventsV1Event): AnyEvent {
  const { regarding, note, deprecatedSource, deprecatedCount, ...rest } = event;
  const { deprecatedFirstTimestamp: first, deprecatedLastTimestamp: last, ...shared } = rest;
  return {
    ...shared,
    metadata: event.metadata ?? {},
    involvedObject: regarding ?? {},
    ...(note === undefined ? {} : { message: note }),
    ...(deprecatedSource === undefined ? {} : { source: deprecatedSource }),
    ...(first === undefined ? {} : { firstTimestamp: first }),
    ...(last === undefined ? {} : { lastTimestamp: last }),
    ...(deprecatedCount === undefined ? {} : { count: deprecatedCount }),
  };
}

/** What every event must be. One with `eventTime` is of the newer kind, whichever shape it comes in. */
function either(event: AnyEvent, reporter: string): FieldError[] {
  const about = event.involvedObject?.namespace ?? '';
  const own = event.metadata?.namespace ?? '';
  const errors = event.eventTime ? newer(event, reporter) : [];
  // Events about cluster-wide objects live in `default`; newer ones may be in `kube-system` too.
  const matches = event.eventTime
    ? about !== '' || own === 'default' || own === 'kube-system'
    : about === own || (about === '' && own === 'default');
  if (!matches) errors.unshift(invalid('involvedObject.namespace', about, 'does not match event.namespace'));
  return [...errors, ...invalidBy(checkDns1123Subdomain(own), 'namespace', own)];
}

/** `reporter` is what the shape calls the field of who reports. */
function newer(event: AnyEvent, reporter: string): FieldError[] {
  const { reportingController = '', reportingInstance = '', action = '', reason = '', message = '' } = event;
  const errors = reportingController === '' ? [required(reporter)] : [];
  errors.push(...invalidBy(checkQualifiedName(reportingController), reporter, reportingController));
  for (const [field, text] of Object.entries({ reportingInstance, action, reason })) {
    if (text === '') errors.push(required(field));
    errors.push(...notLonger(field, text, MAX_TEXT));
  }
  return [...errors, ...notLonger('message', message, MAX_MESSAGE)];
}

function notLonger(field: string, text: string, max: number): FieldError[] {
  return Buffer.byteLength(text) > max ? [invalid(field, '', `can have at most ${max} characters`)] : [];
}

function series({ series: repeated }: AnyEvent): FieldError[] {
  if (repeated === undefined) return [];
  const errors: FieldError[] = [];
  if ((repeated.count ?? 0) < 2) errors.push(invalid('series.count', '', 'should be at least 2'));
  if (!repeated.lastObservedTime) errors.push(required('series.lastObservedTime'));
  return errors;
}

function newlyMade(event: AnyEvent): FieldError[] {
  const errors = series(event);
  const { eventTime, type = '', firstTimestamp, lastTimestamp, count = 0, source } = event;
  if (!eventTime) errors.push(required('eventTime'));
  if (type !== 'Normal' && type !== 'Warning') errors.push(invalid('type', '', `has invalid value: ${type}`));
  const set = {
    firstTimestamp: firstTimestamp !== undefined,
    lastTimestamp: lastTimestamp !== undefined,
    count: count !== 0,
    source: Boolean(source?.component) || Boolean(source?.host),
  };
  for (const [field, isSet] of Object.entries(set))
    if (isSet) errors.push(invalid(field, '', 'needs to be unset'));
  return errors;
}

const FIXED = [
  'involvedObject',
  'reason',
  'message',
  'source',
  'firstTimestamp',
  'lastTimestamp',
  'count',
  'type',
  'eventTime',
  'action',
  'related',
  'reportingController',
  'reportingInstance',
] as const;

/** Of an event that happened only how often it did may change. */
function changed(now: AnyEvent, old: AnyEvent): FieldError[] {
  const errors = same(now.series, old.series) ? [] : series(now);
  return [...errors, ...FIXED.flatMap((field) => immutable(field, shownOf(now, field), shownOf(old, field)))];
}

/** A text that is not there is shown as an empty one. */
function shownOf(event: AnyEvent, field: (typeof FIXED)[number]): unknown {
  return event[field] ?? (TEXTS.has(field) ? '' : undefined);
}

const TEXTS: ReadonlySet<string> = new Set([
  'reason',
  'message',
  'type',
  'action',
  'reportingController',
  'reportingInstance',
]);

export const eventRules: Readonly<Record<string, Rules>> = {
  'v1/Event': rules((event: Event) => either(fromCore(event), 'reportingComponent'), undefined, {
    metadataLast: true,
  }),
  'events.k8s.io/v1/Event': rules(
    (event: EventsV1Event) => either(fromNewer(event), 'reportingController'),
    (now: EventsV1Event, old: EventsV1Event) => changed(fromNewer(now), fromNewer(old)),
    { create: (event: EventsV1Event) => newlyMade(fromNewer(event)) },
  ),
};
