/**
 * The hunt: for every kind and every list and map of it an object that is long there, in two sizes, in every way that it
 * can be sent; then those that held the server longest once more with the largest body it takes. What grows faster than
 * the body, or costs much more than a text of the same size, is worth a look.
 */
import type { ResourceInfo } from '@timonier/api';
import { type Example, examples } from '../../../packages/api/src/testing/examples.ts';
import type { Subject } from '../apiserver/subject.ts';
import { lengthened, lengthenedEverywhere } from './bodies.ts';
import { held, type Held, patienceMs } from './held.ts';
import { nameOf, type Place, placesOf } from './places.ts';
import { changes, create, type LongRequest, objectPath } from './requests.ts';

export interface HuntOptions {
  /** Titles of kinds, such as `apps/v1 Deployment`. */
  readonly kinds: RegExp;
  /** Names of places, such as `spec.volumes`. */
  readonly places: RegExp;
  /** Also where another kind has the same field of the same message. */
  readonly everywhere: boolean;
  /** The larger of the two sizes of JSON. */
  readonly bytes: number;
  /** After that many seconds nothing more is sent. */
  readonly seconds: number;
  /** So many are sent again with `largestBytes`. */
  readonly worst: number;
  readonly log: (line: string) => void;
}

export interface Finding {
  readonly kind: string;
  readonly place: string;
  readonly request: string;
  /** At a quarter of the size. */
  readonly quarter: Held;
  readonly whole: Held;
  /** With the largest body, of the worst only. */
  largest?: Held;
}

export interface Hunt {
  readonly findings: readonly Finding[];
  /** Of one long text, by size: what any body of that size costs. */
  readonly plain: { readonly whole: number; readonly largest: number };
  /** Kinds whose turn did not come, and places that no object could be made long at. */
  readonly left: readonly string[];
}

export const largestBytes = 2_900_000;

interface Subjected {
  readonly example: Example;
  readonly place: Place | undefined;
}

export async function hunt(subject: Subject, options: HuntOptions): Promise<Hunt> {
  const deadline = performance.now() + options.seconds * 1_000;
  const left: string[] = [];
  const findings: Finding[] = [];
  const cases = casesOf(options);
  const plain = {
    whole: await plainMs(subject, options.bytes),
    largest: await plainMs(subject, largestBytes),
  };
  options.log(
    `a text of ${options.bytes} bytes: ${plain.whole.toFixed(1)} ms, of ${largestBytes}: ${plain.largest.toFixed(1)} ms`,
  );
  for (const one of cases) {
    const title = titleOf(one);
    if (performance.now() > deadline) {
      left.push(`${title}: out of time`);
      continue;
    }
    const quarter = await inEveryWay(subject, one, options.bytes / 4);
    const whole = await inEveryWay(subject, one, options.bytes);
    for (const [request, measured] of whole) {
      const before = quarter.get(request);
      if (before === undefined) continue;
      const place = one.place === undefined ? 'everything' : nameOf(one.place);
      findings.push({ kind: one.example.title, place, request, quarter: before, whole: measured });
    }
    const worst = Math.max(0, ...[...whole.values()].map(({ ms }) => ms));
    options.log(`${title}: ${whole.size} requests, ${worst.toFixed(0)} ms`);
  }
  findings.sort((a, b) => b.whole.ms - a.whole.ms);
  for (const finding of findings.slice(0, options.worst)) {
    if (performance.now() > deadline) break;
    const one = cases.find((other) => titleOf(other) === `${finding.kind} ${finding.place}`);
    if (one === undefined) continue;
    const again = await inEveryWay(subject, one, largestBytes, finding.request);
    const largest = again.get(finding.request);
    if (largest !== undefined) finding.largest = largest;
  }
  return { findings, plain, left };
}

function casesOf({ kinds, places, everywhere }: HuntOptions): readonly Subjected[] {
  const known = new Set<string>();
  const cases: Subjected[] = [];
  for (const example of examples()) {
    if (!kinds.test(example.title)) continue;
    if (places.test('everything')) cases.push({ example, place: undefined });
    for (const place of placesOf(example.info.schema)) {
      if (!places.test(nameOf(place)) || (known.has(place.field) && !everywhere)) continue;
      known.add(place.field);
      cases.push({ example, place });
    }
  }
  return cases;
}

/** What a kind has of its own. */
function ownPlaces({ schema }: ResourceInfo): readonly Place[] {
  return placesOf(schema).filter(({ path }) => path[0] !== 'metadata');
}

function titleOf({ example, place }: Subjected): string {
  return `${example.title} ${place === undefined ? 'everything' : nameOf(place)}`;
}

/** Creates the object, long or as its example where that is refused, and changes it in every way. */
async function inEveryWay(
  subject: Subject,
  { example, place }: Subjected,
  bytes: number,
  only?: string,
): Promise<ReadonlyMap<string, Held>> {
  const { info } = example;
  const object =
    place === undefined
      ? lengthenedEverywhere(example.object(), info.schema, ownPlaces(info), bytes)
      : lengthened(example.object(), info.schema, place, bytes);
  const measured = new Map<string, Held>();
  const made = await held(subject, create(info, object));
  measured.set('create', made);
  try {
    if (made.status !== 201) {
      const status = await send(subject, create(info, example.object()));
      if (status !== 201 && status !== 409) return measured;
    }
    const version = await versionOf(subject, objectPath(info, object));
    for (const { name, asked } of changes(info, object, place, version)) {
      // Who applies again has applied before.
      const isWanted = only === undefined || only === name || (only.startsWith('apply') && name === 'apply');
      if (isWanted) measured.set(name, await held(subject, asked));
    }
  } finally {
    await remove(subject, info, object);
  }
  return measured;
}

async function remove(subject: Subject, info: ResourceInfo, object: Record<string, unknown>): Promise<void> {
  const path = objectPath(info, object);
  const headers = { 'content-type': 'application/merge-patch+json' };
  const body = '{"metadata":{"finalizers":null}}';
  await subject.ask('admin', { method: 'PATCH', path, headers, body }, patienceMs);
  await subject.ask('admin', { method: 'DELETE', path: `${path}?gracePeriodSeconds=0` }, patienceMs);
}

async function send(subject: Subject, asked: LongRequest['asked']): Promise<number> {
  return (await subject.ask('admin', asked, patienceMs)).status;
}

/** Some kinds are only replaced by who says what they replace. */
async function versionOf(subject: Subject, path: string): Promise<string | undefined> {
  const { status, body } = await subject.ask('admin', { method: 'GET', path }, patienceMs);
  if (status !== 200) return undefined;
  return (JSON.parse(body.toString()) as { metadata: { resourceVersion: string } }).metadata.resourceVersion;
}

/** The least of three. */
async function plainMs(subject: Subject, bytes: number): Promise<number> {
  const path = '/api/v1/namespaces/default/configmaps?dryRun=All';
  const body = JSON.stringify({ metadata: { name: 'plain' }, data: { text: 'x'.repeat(bytes) } });
  const headers = { 'content-type': 'application/json' };
  const times: number[] = [];
  for (let i = 0; i < 3; i++) times.push((await held(subject, { method: 'POST', path, headers, body })).ms);
  return Math.min(...times);
}
