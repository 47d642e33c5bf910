/**
 * Changes the key that encrypts a cluster's secrets: a new key is added on every master, then made the first one, then
 * every object is written anew by the active server, then the old key is dropped. Each step waits until every running
 * API server has taken the file over. The file says how far it has come, so a rotation that was interrupted goes on.
 *
 * Of several processes on a master one looks for what is sealed with the old key, and may have looked while another still
 * wrote with it. So it is made to look once more when all are past that, by a file that says the same in other bytes.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import {
  firstKeyName,
  replaceFile,
  rotationStateOf,
  withFirstOnly,
  withNewestFirst,
  withNewKey,
} from '@timonier/pki';

export interface RotatedMaster {
  readonly name: string;
  readonly address: string;
  /** Where its API server reads the configuration. */
  readonly file: string;
}

export interface RotationOptions {
  /** The cluster's own copy, which says how far a rotation has come. */
  readonly source: string;
  readonly masters: readonly RotatedMaster[];
  readonly say: (line: string) => void;
  readonly deadlineMs: number;
  /** Text of an API server's metrics; undefined when it does not answer. */
  readonly metricsOf?: (master: RotatedMaster) => Promise<string | undefined>;
}

const pollMs = 250;
const opsPort = 10_244;
const answerMs = 5_000;

/** The name of the key that encrypts at the end. Rejects when a step is not done in time; to be called again then. */
export async function rotateEncryption(options: RotationOptions): Promise<string> {
  const { source, say } = options;
  const read = (): string => readFileSync(source, 'utf8');
  // Whatever an interrupted rotation has left: every master gets what the cluster's own copy says.
  await spread(options, read());
  if (rotationStateOf(read()) === 'one') {
    await spread(options, withNewKey(read()));
    say('every master can read the new key');
  }
  if (rotationStateOf(read()) === 'added') {
    await spread(options, withNewestFirst(read()));
    say('every master writes with the new key');
  }
  await spread(options, withMark(read()));
  await waitFor(options, 'every object is written anew', (texts) =>
    texts.some((text) => valueOf(text, 'timonier_encryption_stale_objects') === 0),
  );
  say('every object is written with the new key');
  await spread(options, withFirstOnly(read()));
  say('the old key is gone');
  return firstKeyName(read());
}

/** Writes the file everywhere, the cluster's own copy first, and waits until it is in use. */
async function spread(options: RotationOptions, text: string): Promise<void> {
  const { source, masters } = options;
  const mode = 0o600;
  await replaceFile(source, text, mode);
  for (const { file } of masters) await replaceFile(file, text, mode);
  const hash = `sha256:${createHash('sha256').update(text).digest('hex')}`;
  await waitFor(options, 'every API server has taken over the configuration', (texts) =>
    texts.every((answer) => {
      const used = hashesOf(answer);
      return used.length > 0 && used.every((one) => one === hash);
    }),
  );
}

const markStart = '# every API server writes with the first key: ';

/** The same configuration in bytes that no API server has seen. */
function withMark(text: string): string {
  const kept = text.split('\n').filter((line) => !line.startsWith(markStart));
  return `${markStart}${new Date().toISOString()}\n${kept.join('\n')}`;
}

/** Of the configurations that a master's API server uses: more than one while some of its processes are behind the others. */
function hashesOf(metrics: string): readonly string[] {
  const found = metrics.matchAll(
    /^apiserver_encryption_config_controller_last_config_info\{hash="([^"]*)"\} 1$/gm,
  );
  return [...found].map(([, hash = '']) => hash);
}

async function waitFor(
  { masters, deadlineMs, metricsOf = readMetrics }: RotationOptions,
  what: string,
  isDone: (texts: readonly string[]) => boolean,
): Promise<void> {
  const deadline = Date.now() + deadlineMs;
  let silent: string[] = [];
  for (;;) {
    const answers = await Promise.all(
      masters.map(async (master) => ({ master, text: await metricsOf(master) })),
    );
    silent = answers.filter(({ text }) => text === undefined).map(({ master }) => master.name);
    // A master that is down would come back with keys that open nothing: it must be there.
    if (silent.length === 0 && isDone(answers.map(({ text }) => text ?? ''))) return;
    if (Date.now() >= deadline) break;
    await pause(pollMs);
  }
  const who = silent.length === 0 ? '' : `; ${silent.join(', ')} did not answer`;
  throw new Error(`not in time: ${what}${who}. Run the command again to go on`);
}

function valueOf(metrics: string, name: string): number {
  const found = new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics);
  return Number(found?.[1] ?? Number.NaN);
}

function readMetrics({ address }: RotatedMaster): Promise<string | undefined> {
  return new Promise((resolve) => {
    const call = request({ host: address, port: opsPort, path: '/metrics', timeout: answerMs }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => (text += chunk));
      answer.once('end', () => resolve(text));
      answer.once('error', () => resolve(undefined));
    });
    call.once('timeout', () => call.destroy());
    call.once('error', () => resolve(undefined));
    call.end();
  });
}

/** Names of the file beside a cluster's certificates. */
export function encryptionFileIn(pkiDir: string): string {
  return join(pkiDir, 'encryption.yaml');
}
