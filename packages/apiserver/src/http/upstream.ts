/** Another server that requests are passed on to: how one is begun there, and how long it is waited for. */
import type { ClientRequest } from 'node:http';
import type { Socket } from 'node:net';
import { StatusError, timeout } from '@timonier/api/statuses';
import type { Headers } from './passed-headers.ts';

export interface Call {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Headers;
  readonly signal?: AbortSignal;
}

/** Where requests are passed on to. */
export interface Upstream {
  /** Begins a request on a connection, and leaves its body and its end to the caller. */
  readonly open: (call: Call) => ClientRequest;
  /** What a client is told when the other side could not be reached or broke off before it answered. */
  readonly unreachable: (reason: string) => StatusError;
  /** Between the request's beginning and the answer's end, in milliseconds; undefined: as long as both sides want. */
  readonly wholeMs?: number | undefined;
}

/** For a connection to be made, with its handshake. */
const connectMs = 10_000;
/** Since when a connection has been silent that the kernel asks whether the other side is still there. */
const keepAliveMs = 15_000;

/**
 * Watches over a request's connection: it must be made in time, and a host that has gone without a word is noticed by the kernel
 * however long an answer may take.
 */
export function watchConnection(call: ClientRequest): void {
  const timer = setTimeout(() => call.destroy(new Error('no connection in time')), connectMs);
  const made = (): void => clearTimeout(timer);
  call.once('socket', (socket: Socket & { readonly secureConnecting?: boolean }) => {
    socket.setKeepAlive(true, keepAliveMs);
    const { secureConnecting } = socket;
    if (secureConnecting === true) socket.once('secureConnect', made);
    else if (socket.connecting) socket.once('connect', made);
    else made();
  });
  call.once('close', made);
}

export function tooLate(): StatusError {
  return new StatusError(timeout('request did not complete within the allotted timeout'));
}

export function asUnreachable(upstream: Upstream, error: unknown): StatusError {
  if (error instanceof StatusError) return error;
  return upstream.unreachable(error instanceof Error ? error.message : String(error));
}
