/**
 * The run: hostile requests, some at a time, for as long as asked, each from the seed and its own number, so that any
 * one can be sent again alone. What must hold: an answer in time, never 500, in the form of its protocol; a process that
 * lives; and in the end nothing open, nothing lost, no more memory than after the first part.
 */
import { Random } from '../../simulation/random.ts';
import { fuzzNamespaces, keptNamespace } from './paths.ts';
import { type Case, makeCase } from './requests.ts';
import type { Answer, Figures, Subject } from './subject.ts';
import { makeWireCase, sendWireCase } from './wire.ts';

export interface RunOptions {
  readonly seed: number;
  readonly durationMs: number;
  /** So many are sent, however long that takes. */
  readonly atLeast?: number;
  /** Sends this case only. */
  readonly only?: number | undefined;
  readonly width?: number;
  readonly log: (line: string) => void;
}

export interface Result {
  readonly cases: number;
  readonly statuses: ReadonlyMap<number, number>;
  readonly problems: readonly string[];
  readonly figures: readonly Figures[];
}

const maxProblems = 20;
const hangMs = 15_000;
const roundCases = 2_000;
const growthMiB = 64;
const maxResidentMiB = 900;
/** Of every so many cases one is bytes on a connection of its own. */
const wireEvery = 12;
/** A store or a peer that is asked for what it cannot give says so with these. */
const expectedFailures: ReadonlySet<number> = new Set([501, 503, 504]);
const kept = { method: 'GET', path: `/api/v1/namespaces/${keptNamespace}/configmaps/kept` };

export async function fuzz(subject: Subject, options: RunOptions): Promise<Result> {
  const problems: string[] = [];
  const statuses = new Map<number, number>();
  const figures: Figures[] = [];
  const before = await prepare(subject);
  let next = options.only ?? 0;
  const deadline = performance.now() + options.durationMs;
  const report = (index: number, what: string): void => {
    if (problems.length >= maxProblems) return;
    problems.push(`case ${index} of seed ${options.seed}: ${what}`);
    options.log(problems.at(-1) ?? '');
  };
  const isOver = (): boolean =>
    problems.length >= maxProblems ||
    subject.ended !== undefined ||
    (options.only === undefined
      ? performance.now() >= deadline && next >= (options.atLeast ?? 0)
      : next > options.only);
  const worker = async (until: number): Promise<void> => {
    while (!isOver() && next < until) {
      const index = next++;
      const status = await one(subject, options.seed, index, report);
      if (status !== undefined) statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  while (!isOver()) {
    const until = next + roundCases;
    await Promise.all(Array.from({ length: options.width ?? 16 }, () => worker(until)));
    if (subject.ended !== undefined) break;
    await empty(subject);
    await subject.settle();
    figures.push(await subject.figures());
    const { residentMiB, heapMiB, descriptors } = figures.at(-1) ?? before;
    options.log(
      `${next} cases, ${Math.round(residentMiB)} MiB resident, ${Math.round(heapMiB)} MiB heap, ${descriptors} descriptors`,
    );
  }
  await conclude(subject, before, figures, (what) => report(next, what));
  return { cases: next - (options.only ?? 0), statuses, problems, figures };
}

/** What a case sends, for a person. */
export function describeCase(seed: number, index: number): string {
  const random = randomOf(seed, index);
  if (isWire(index)) {
    const { shape, bytes } = makeWireCase(random);
    return `${shape}\n${bytes.subarray(0, 4_000).toString('latin1')}`;
  }
  const { identity, method, path, headers, body } = makeCase(random);
  return `${method} ${path} as ${identity}\n${JSON.stringify(headers)}\n${(body ?? '').toString('latin1').slice(0, 4_000)}`;
}

function isWire(index: number): boolean {
  return index % wireEvery === wireEvery - 1;
}

function randomOf(seed: number, index: number): Random {
  return new Random(Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca77));
}

async function prepare(subject: Subject): Promise<Figures> {
  for (const name of [keptNamespace, ...fuzzNamespaces])
    await create(subject, '/api/v1/namespaces', { metadata: { name } });
  await create(subject, `/api/v1/namespaces/${keptNamespace}/configmaps`, {
    metadata: { name: 'kept' },
    data: { key: 'value' },
  });
  return subject.figures();
}

async function create(subject: Subject, path: string, object: object): Promise<void> {
  const body = JSON.stringify(object);
  const headers = { 'content-type': 'application/json' };
  const { status, body: answer } = await subject.ask('admin', { method: 'POST', path, headers, body });
  if (status !== 201 && status !== 409) throw new Error(`${path}: ${status} ${answer.toString()}`);
}

async function one(
  subject: Subject,
  seed: number,
  index: number,
  report: (index: number, what: string) => void,
): Promise<number | undefined> {
  const random = randomOf(seed, index);
  if (isWire(index)) {
    const wire = makeWireCase(random);
    const lines = await sendWireCase(subject, wire);
    for (const line of lines) if (line === '500') report(index, `${wire.shape}: answered 500`);
    return undefined;
  }
  const made = makeCase(random);
  try {
    const answer = await subject.ask(made.identity, made, hangMs);
    const problem = judge(made, answer);
    if (problem !== undefined)
      report(
        index,
        `${made.shape} ${made.path.slice(0, 300)}: ${problem}: ${answer.body.toString().slice(0, 500)}`,
      );
    return answer.status;
  } catch (error) {
    // Whatever the connection carried beside is lost with it: only what happens again when sent alone is a finding.
    const text = error instanceof Error ? error.message : String(error);
    if (text.startsWith('no answer') || !(await isAnsweredAlone(subject, made)))
      report(index, `${made.shape} ${made.path.slice(0, 300)}: ${text}`);
    return undefined;
  }
}

async function isAnsweredAlone(subject: Subject, made: Case): Promise<boolean> {
  try {
    await subject.ask(made.identity, made, hangMs);
    return true;
  } catch {
    return false;
  }
}

function judge(
  { method, headers = {} }: Case,
  { status, body, headers: received }: Answer,
): string | undefined {
  if (status === 500 || (status > 500 && !expectedFailures.has(status))) return `answered ${status}`;
  if (status < 400 || method === 'HEAD' || headers['accept'] !== 'application/json') return undefined;
  if (received['content-type'] !== 'application/json') return undefined;
  const answer = JSON.parse(body.toString()) as { kind?: string; code?: number };
  if (answer.kind !== 'Status' || answer.code !== status) return `${status} without its Status`;
  if (/\n\s+at .*:\d+:\d+/.test(body.toString())) return 'a stack in an answer';
  return undefined;
}

/** Takes away what was written, so that what stays in memory is not what was asked to be kept. */
async function empty(subject: Subject): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  for (const path of [
    '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
    '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies',
    '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings',
  ])
    await subject.ask('admin', { method: 'DELETE', path });
  const { body } = await subject.ask('admin', {
    method: 'GET',
    path: '/apis',
    headers: { accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList' },
  });
  const core = await subject.ask('admin', {
    method: 'GET',
    path: '/api',
    headers: { accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList' },
  });
  interface Found {
    items: {
      metadata: { name?: string };
      versions: { version: string; resources: { resource: string; scope: string; verbs: string[] }[] }[];
    }[];
  }
  const groups = [
    ...(JSON.parse(body.toString()) as Found).items,
    ...(JSON.parse(core.body.toString()) as Found).items,
  ];
  for (const { metadata, versions } of groups)
    for (const { version, resources } of versions.slice(0, 1))
      for (const { resource, scope, verbs } of resources) {
        if (scope !== 'Namespaced' || !verbs.includes('deletecollection')) continue;
        const root = (metadata.name ?? '') === '' ? '/api' : `/apis/${metadata.name}`;
        for (const namespace of fuzzNamespaces)
          await subject.ask('admin', {
            method: 'DELETE',
            path: `${root}/${version}/namespaces/${namespace}/${resource}?gracePeriodSeconds=0`,
            headers,
            body: '{"apiVersion":"v1","kind":"DeleteOptions","gracePeriodSeconds":0}',
          });
      }
}

async function conclude(
  subject: Subject,
  before: Figures,
  figures: readonly Figures[],
  report: (what: string) => void,
): Promise<void> {
  if (subject.ended !== undefined) {
    report(`the API server ${subject.ended}`);
    return;
  }
  const answer = await subject.ask('admin', kept);
  const object = JSON.parse(answer.body.toString()) as { data?: { key?: string } };
  if (object.data?.key !== 'value') report(`what was stored before is ${answer.body.toString()}`);
  const { smuggled } = subject.behind;
  if (smuggled.length > 0)
    report(`${smuggled.length} requests were smuggled to the server behind: ${smuggled[0]}`);
  const { status, body } = await subject.ask('nobody', { method: 'GET', path: '/readyz?verbose' });
  if (status !== 200) report(`not ready: ${body.toString()}`);
  const last = figures.at(-1);
  if (last === undefined) return;
  if (last.descriptors > before.descriptors + 8)
    report(`${last.descriptors} descriptors are open; ${before.descriptors} were before`);
  if (last.residentMiB > maxResidentMiB) report(`${Math.round(last.residentMiB)} MiB resident`);
  const third = Math.floor(figures.length / 3);
  if (third === 0) return;
  const least = (part: readonly Figures[]): number => Math.min(...part.map(({ heapMiB }) => heapMiB));
  const growth = least(figures.slice(-third)) - least(figures.slice(0, third));
  if (growth > growthMiB) report(`the heap grew by ${Math.round(growth)} MiB`);
}
