/**
 * Transcripts from files, each run in a namespace of its name. What they make outside of it they remove themselves, so
 * that several can run at the same time on one cluster, and the next release of a client after them.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parse, stringify } from 'yaml';
import { mustRun } from '../../acceptance/command.ts';
import { until } from '../../acceptance/wait.ts';
import { type Recording, runTranscript, type Terminal } from './run-transcript.ts';
import { formatTranscript, parseTranscript, type Transcript } from './transcript.ts';

export interface NamedTranscript extends Transcript {
  readonly name: string;
  readonly file: string;
}

/** Every transcript of a folder beside this file, in the order of their names. */
export function transcripts(folder: string): readonly NamedTranscript[] {
  return globSync('*.txt', { cwd: join(import.meta.dirname, folder) })
    .sort()
    .map((file) => readTranscript(join(import.meta.dirname, folder, file)));
}

function readTranscript(file: string): NamedTranscript {
  try {
    return { ...parseTranscript(readFileSync(file, 'utf8')), name: basename(file, '.txt'), file };
  } catch (error) {
    throw new Error(`${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** Returns what differs, one text a command. */
export async function play(
  transcript: NamedTranscript,
  terminal: Terminal,
  directory: string,
  recording: Recording = 'no',
): Promise<readonly string[]> {
  const kubeconfig = join(directory, `${transcript.name}.kubeconfig`);
  await writeFile(kubeconfig, inNamespace(await readFile(terminal.kubeconfig, 'utf8'), transcript.name));
  return inOwnNamespace(terminal, transcript.name, async () => {
    const { printed, differences } = await runTranscript(transcript, { ...terminal, kubeconfig }, recording);
    if (recording !== 'no')
      writeFileSync(transcript.file, formatTranscript({ ...transcript, steps: printed }));
    return differences.map(({ command, text }) => `$ ${command}\n${text}`);
  });
}

/** A namespace for as long as `body` takes. It begins with all that the controllers put into every namespace. */
export async function inOwnNamespace<T>(
  terminal: Terminal,
  namespace: string,
  body: (namespace: string) => Promise<T>,
): Promise<T> {
  const kubectl = join(terminal.path[0] ?? '', 'kubectl');
  const asAdmin = (...args: string[]): Promise<string> =>
    mustRun(kubectl, args, { env: { KUBECONFIG: terminal.kubeconfig }, timeoutMs: 120_000 });
  await asAdmin('create', 'namespace', namespace);
  try {
    for (const made of ['configmap/kube-root-ca.crt', 'serviceaccount/default'])
      await until(
        `${made} is there`,
        60_000,
        async () => (await asAdmin('get', made, '-n', namespace)) !== '',
      );
    return await body(namespace);
  } finally {
    await asAdmin('delete', 'namespace', namespace, '--timeout=90s');
  }
}

/** The kubeconfig with another namespace for its contexts. */
function inNamespace(kubeconfig: string, namespace: string): string {
  const config = parse(kubeconfig) as { contexts: { context: { namespace?: string } }[] };
  for (const { context } of config.contexts) context.namespace = namespace;
  return stringify(config);
}
