/**
 * Runs what a probe or a lifecycle hook asks for: a command in the container, an HTTP request, a TCP connection or
 * a gRPC health check to the pod. Resolves when it succeeded and rejects with a `ProbeError` that says why not; always within the deadline.
 */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import type { Container, ExecAction, GRPCAction, HTTPGetAction, TCPSocketAction } from '@timonier/api';
import type { Runtime } from '../runtime/runtime.ts';
import { grpcProblem } from './grpc-health.ts';

class ProbeError extends Error {
  override readonly name = 'ProbeError';
}

export interface Handler {
  readonly exec?: ExecAction;
  readonly httpGet?: HTTPGetAction;
  readonly tcpSocket?: TCPSocketAction;
  readonly grpc?: GRPCAction;
  readonly sleep?: { readonly seconds: number };
}

export interface HandlerTarget {
  readonly containerId: string;
  readonly container: Container;
  readonly podIp: string;
}

const maxOutput = 10 * 1024;

export async function runHandler(
  handler: Handler,
  target: HandlerTarget,
  runtime: Runtime,
  timeoutMs: number,
): Promise<void> {
  if (handler.exec !== undefined) return runExec(handler.exec, target, runtime, timeoutMs);
  if (handler.httpGet !== undefined) return runHttp(handler.httpGet, target, timeoutMs);
  if (handler.tcpSocket !== undefined) return runTcp(handler.tcpSocket, target, timeoutMs);
  if (handler.sleep !== undefined) {
    const { seconds } = handler.sleep;
    await new Promise((resolve) => setTimeout(resolve, Math.min(seconds * 1000, timeoutMs)));
    return;
  }
  if (handler.grpc !== undefined) {
    const problem = await grpcProblem(handler.grpc, target.podIp, timeoutMs);
    if (problem !== undefined) throw new ProbeError(problem);
    return;
  }
  throw new ProbeError('the handler says nothing that this node can do');
}

async function runExec(
  { command = [] }: ExecAction,
  target: HandlerTarget,
  runtime: Runtime,
  timeoutMs: number,
): Promise<void> {
  const result = await runtime.cri.runtime.ExecSync(
    { containerId: target.containerId, cmd: command, timeout: Math.max(1, Math.ceil(timeoutMs / 1000)) },
    { timeoutMs: timeoutMs + 2_000 },
  );
  if (result.exitCode === 0) return;
  const output = Buffer.concat([result.stdout, result.stderr]).subarray(0, maxOutput).toString('utf8').trim();
  throw new ProbeError(output === '' ? `command exited with code ${result.exitCode}` : output);
}

function runHttp(action: HTTPGetAction, target: HandlerTarget, timeoutMs: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const send = action.scheme === 'HTTPS' ? httpsRequest : httpRequest;
  const headers: Record<string, string> = { 'user-agent': 'kube-probe/1.36', accept: '*/*' };
  for (const { name, value } of action.httpHeaders ?? []) headers[name.toLowerCase()] = value;
  const host = action.host ?? target.podIp;
  const port = portNumber(action.port, target.container);
  const asked = action.path ?? '/';
  const path = asked.startsWith('/') ? asked : `/${asked}`;
  const url = `${action.scheme === 'HTTPS' ? 'https' : 'http'}://${host}:${port}${path}`;
  const outgoing = send(
    {
      host,
      port,
      path,
      headers,
      // A probe asks whether something answers, not who it is.
      rejectUnauthorized: false,
      agent: false,
      signal: AbortSignal.timeout(timeoutMs),
    },
    (answer) => {
      const status = answer.statusCode ?? 0;
      answer.destroy();
      if (status >= 200 && status < 400) resolve();
      else reject(new ProbeError(`HTTP probe failed with statuscode: ${status}`));
    },
  );
  outgoing.on('error', (error) => {
    const late = error.name === 'AbortError' || error.name === 'TimeoutError';
    const why = late
      ? 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
      : dialProblem(error, host, port);
    reject(new ProbeError(`Get "${url}": ${why}`, { cause: error }));
  });
  outgoing.end();
  return promise;
}

function runTcp(action: TCPSocketAction, target: HandlerTarget, timeoutMs: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const host = action.host ?? target.podIp;
  const port = portNumber(action.port, target.container);
  const socket = connect(port, host);
  const timer = setTimeout(() => reject(new ProbeError(`dial tcp ${host}:${port}: i/o timeout`)), timeoutMs);
  socket.on('connect', () => resolve());
  socket.on('error', (error) => reject(new ProbeError(dialProblem(error, host, port), { cause: error })));
  return promise.finally(() => {
    clearTimeout(timer);
    socket.destroy();
  });
}

const dialProblems: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ECONNRESET: 'read: connection reset by peer',
};

/** As upstream's kubelet says it, because people and their alerts look for these words. */
function dialProblem(error: Error, host: string, port: number): string {
  const known = dialProblems[(error as NodeJS.ErrnoException).code ?? ''];
  return known === undefined ? error.message : `dial tcp ${host}:${port}: ${known}`;
}

function portNumber(port: number | string, container: Container): number {
  if (typeof port === 'number') return port;
  const named = container.ports?.find(({ name }) => name === port)?.containerPort ?? Number(port);
  if (!Number.isInteger(named))
    throw new ProbeError(`container ${container.name} has no port named "${port}"`);
  return named;
}
