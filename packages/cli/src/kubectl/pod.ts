/** `kubectl logs` and `exec`: what a person does with a running container. */
import { request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { apiErrorFrom, execInPod } from '@timonier/client';
import { UsageError } from '@timonier/component';
import type { Session } from './session.ts';

export interface LogOptions {
  readonly container: string;
  readonly follow: boolean;
  readonly previous: boolean;
  readonly timestamps: boolean;
  /** Lines from the end; negative for all. */
  readonly tail: number;
}

export async function logs(
  session: Session,
  positional: readonly string[],
  options: LogOptions,
): Promise<number> {
  const pod = await podName(session, positional[0], 'logs hello-abc');
  const query = new URLSearchParams();
  if (options.container !== '') query.set('container', options.container);
  if (options.follow) query.set('follow', 'true');
  if (options.previous) query.set('previous', 'true');
  if (options.timestamps) query.set('timestamps', 'true');
  if (options.tail >= 0) query.set('tailLines', String(options.tail));
  const path = `/api/v1/namespaces/${encodeURIComponent(session.namespace)}/pods/${encodeURIComponent(pod)}/log`;
  const response = await open(session, `${path}?${query.toString()}`);
  await pipeline(response, process.stdout, { end: false });
  return 0;
}

export interface ExecVerbOptions {
  readonly container: string;
  readonly stdin: boolean;
  readonly tty: boolean;
}

/** Runs a command in a container with this terminal; resolves with the command's exit code. */
export async function exec(
  session: Session,
  positional: readonly string[],
  options: ExecVerbOptions,
): Promise<number> {
  const [target, ...command] = positional;
  const pod = await podName(session, target, 'exec hello-abc -- ls');
  if (command.length === 0)
    throw new UsageError('which command? For example: timonier kubectl exec POD -- ls');
  const { stdin, stdout, stderr } = process;
  const tty = options.tty && stdin.isTTY;
  const streams = await execInPod(session.options, {
    namespace: session.namespace,
    pod,
    command,
    stdin: options.stdin,
    tty,
    ...(options.container === '' ? {} : { container: options.container }),
  });
  const resize = (): void =>
    void streams.resize({ columns: stdout.columns, rows: stdout.rows }).catch(() => undefined);
  streams.stdout.pipe(stdout, { end: false });
  if (!tty) streams.stderr.pipe(stderr, { end: false });
  if (options.stdin) stdin.pipe(streams.stdin);
  if (tty) {
    stdin.setRawMode(true);
    stdout.on('resize', resize);
    resize();
  }
  try {
    const outcome = await streams.outcome;
    if ('failure' in outcome) throw new Error(outcome.failure);
    return outcome.exitCode;
  } finally {
    if (tty) stdin.setRawMode(false);
    stdout.off('resize', resize);
    stdin.unpipe(streams.stdin);
    stdin.destroy();
    streams.close();
  }
}

/** The pod named, or the first one of the workload named (`deployment/hello`). */
async function podName(session: Session, target: string | undefined, example: string): Promise<string> {
  if (target === undefined) throw new UsageError(`which pod? For example: timonier kubectl ${example}`);
  if (!target.includes('/')) return target;
  const [typeName = '', name = ''] = target.split('/');
  const type = await session.resource(typeName);
  if (type.kind === 'Pod') return name;
  const body = await session.request('GET', session.path(type, session.namespace, name));
  const { spec } = JSON.parse(body.toString('utf8')) as {
    spec?: { selector?: { matchLabels?: Record<string, string> } };
  };
  const labels = Object.entries(spec?.selector?.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  const pods = await session.request(
    'GET',
    `/api/v1/namespaces/${encodeURIComponent(session.namespace)}/pods?labelSelector=${encodeURIComponent(labels.join(','))}`,
  );
  const { items = [] } = JSON.parse(pods.toString('utf8')) as { items?: { metadata?: { name?: string } }[] };
  const first = items[0]?.metadata?.name;
  if (labels.length === 0 || first === undefined) throw new Error(`${target} has no pods`);
  return first;
}

/** A response that may never end, so it is neither buffered nor retried. */
function open(session: Session, path: string): Promise<IncomingMessage> {
  const { servers = [], ca, cert, key } = session.options;
  const url = new URL(path, servers[0]);
  return new Promise((resolve, reject) => {
    const call = request(
      url,
      {
        agent: false,
        ...(ca === undefined ? {} : { ca }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
      },
      (response) => {
        if (response.statusCode === 200) {
          resolve(response);
          return;
        }
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          reject(apiErrorFrom(response.statusCode ?? 0, Buffer.concat(chunks), undefined)),
        );
      },
    );
    const deadline = setTimeout(() => call.destroy(new Error('the API server does not answer')), 10_000);
    call.on('response', () => clearTimeout(deadline));
    call.on('error', (error) => {
      clearTimeout(deadline);
      reject(error);
    });
    call.end();
  });
}
