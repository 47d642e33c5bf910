/** `kubectl apply`, `delete` and `scale`: the verbs that change objects. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ApiError } from '@timonier/client';
import { UsageError } from '@timonier/component';
import { parseAllDocuments } from 'yaml';
import { reportName, type ServedResource, type Session, targetsOf } from './session.ts';

interface Manifest {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: { readonly name?: string; readonly namespace?: string };
  readonly items?: readonly Manifest[];
}

const fieldManager = 'timonier-kubectl';
const maxInputBytes = 64 * 1024 * 1024;
const deleteTimeoutMs = 60_000;

/** Server-side apply of every document, in order. */
export async function apply(session: Session, files: readonly string[], dryRun: boolean): Promise<number> {
  if (files.length === 0)
    throw new UsageError('which file? For example: timonier kubectl apply -f hello.yaml');
  for (const manifest of readManifests(files)) {
    const { type, name, path } = await locate(session, manifest);
    const query = new URLSearchParams({ fieldManager, force: 'true', fieldValidation: 'Strict' });
    if (dryRun) query.set('dryRun', 'All');
    const before = await session.client.request('GET', path);
    const body = await session.request('PATCH', `${path}?${query.toString()}`, JSON.stringify(manifest), {
      'content-type': 'application/apply-patch+yaml',
    });
    const changed =
      before.status === 404 ? 'created' : sameVersion(before.body, body) ? 'unchanged' : 'configured';
    process.stdout.write(`${reportName(type, name)} ${changed}${dryRun ? ' (server dry run)' : ''}\n`);
  }
  return 0;
}

export interface DeleteOptions {
  readonly files: readonly string[];
  readonly selector: string;
  readonly wait: boolean;
  readonly ignoreNotFound: boolean;
}

export async function remove(
  session: Session,
  positional: readonly string[],
  options: DeleteOptions,
): Promise<number> {
  const found: { type: ServedResource; name: string; path: string }[] = [];
  for (const manifest of options.files.length === 0 ? [] : readManifests(options.files)) {
    found.push(await locate(session, manifest));
  }
  for (const { type: typeName, name } of targetsOf(positional)) {
    const type = await session.resource(typeName);
    if (name !== undefined) found.push({ type, name, path: session.path(type, session.namespace, name) });
    else if (options.selector === '')
      throw new UsageError(`which ${type.resource}? Give names or --selector`);
    else {
      const query = `?labelSelector=${encodeURIComponent(options.selector)}`;
      const list = await session.request('GET', session.path(type, session.namespace) + query);
      for (const item of (JSON.parse(list.toString('utf8')) as Manifest).items ?? []) {
        const itemName = item.metadata?.name ?? '';
        found.push({ type, name: itemName, path: session.path(type, session.namespace, itemName) });
      }
    }
  }
  if (found.length === 0 && options.files.length === 0 && positional.length === 0) {
    throw new UsageError('what should be deleted? For example: timonier kubectl delete pod NAME');
  }
  for (const { type, name, path } of found) {
    try {
      await session.request('DELETE', path, {
        kind: 'DeleteOptions',
        apiVersion: 'v1',
        propagationPolicy: 'Background',
      });
      process.stdout.write(`${reportName(type, name)} deleted\n`);
    } catch (error) {
      if (!(options.ignoreNotFound && error instanceof ApiError && error.code === 404)) throw error;
    }
  }
  if (options.wait) await untilGone(session, found);
  return 0;
}

export async function scale(
  session: Session,
  positional: readonly string[],
  replicas: number,
): Promise<number> {
  const targets = targetsOf(positional);
  if (targets.length === 0 || targets.some(({ name }) => name === undefined) || !(replicas >= 0)) {
    throw new UsageError('for example: timonier kubectl scale deployment/hello --replicas=6');
  }
  for (const { type: typeName, name = '' } of targets) {
    const type = await session.resource(typeName);
    const path = session.path(type, session.namespace, name, 'scale');
    await session.request('PATCH', path, JSON.stringify({ spec: { replicas } }), {
      'content-type': 'application/merge-patch+json',
    });
    process.stdout.write(`${reportName(type, name)} scaled\n`);
  }
  return 0;
}

/** Every object of the files, folders and `-` (standard input) given, lists flattened. */
function readManifests(files: readonly string[]): readonly Manifest[] {
  return files
    .flatMap((file) => manifestFiles(file))
    .flatMap((file) => {
      const text = readFileSync(file === '-' ? 0 : file, 'utf8');
      if (text.length > maxInputBytes) throw new Error(`${file} is larger than ${maxInputBytes} bytes`);
      return parseAllDocuments(text).flatMap((document) => {
        const [problem] = document.errors;
        if (problem !== undefined) throw new Error(`error parsing ${file}: ${problem.message}`);
        const value = document.toJS() as Manifest | null;
        if (value === null) return [];
        return value.kind === 'List' ? (value.items ?? []) : [value];
      });
    });
}

function manifestFiles(path: string): readonly string[] {
  if (path === '-') return [path];
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new Error(`the path "${path}" does not exist`);
  if (!found.isDirectory()) return [path];
  return readdirSync(path)
    .filter((name) => /\.(ya?ml|json)$/.test(name))
    .sort()
    .map((name) => join(path, name));
}

async function locate(
  session: Session,
  manifest: Manifest,
): Promise<{ readonly type: ServedResource; readonly name: string; readonly path: string }> {
  const { apiVersion, kind, metadata } = manifest;
  const name = metadata?.name;
  if (apiVersion === undefined || kind === undefined || name === undefined) {
    throw new Error(
      `a manifest needs apiVersion, kind and metadata.name; this one has ${JSON.stringify(manifest).slice(0, 80)}`,
    );
  }
  const type = await session.resourceOfKind(apiVersion, kind);
  return { type, name, path: session.path(type, metadata?.namespace ?? session.namespace, name) };
}

function sameVersion(before: Buffer, after: Buffer): boolean {
  const versionOf = (body: Buffer): unknown =>
    (JSON.parse(body.toString('utf8')) as { metadata?: { resourceVersion?: string } }).metadata
      ?.resourceVersion;
  return versionOf(before) === versionOf(after);
}

async function untilGone(session: Session, found: readonly { readonly path: string }[]): Promise<void> {
  const deadline = Date.now() + deleteTimeoutMs;
  for (const { path } of found) {
    while ((await session.client.request('GET', path)).status !== 404) {
      if (Date.now() > deadline)
        throw new Error(`timed out after ${deleteTimeoutMs / 1000} s waiting for deletion`);
      await delay(100);
    }
  }
}
