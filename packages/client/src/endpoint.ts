/** Where requests go, who asks, and what goes there and comes back, whatever the version of HTTP. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';

export interface TlsIdentity {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  /** For kubeconfigs that ask for it by name; never set by this project. */
  readonly insecureSkipVerify?: boolean;
  readonly serverName?: string;
}

export interface Endpoint {
  readonly url: URL;
  readonly socketPath?: string;
}

/** How long a new connection may take. */
export interface Patience {
  /** Until the other side's kernel has answered: it does at once or not at all. */
  readonly answerMs: number;
  /** And until the server behind it, which may have others to greet first, has shaken hands. */
  readonly handshakeMs: number;
}

export interface TransportRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Until the response's headers. */
  readonly timeoutMs: number;
}

export interface TransportResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable;
}

/** The name to ask for in the TLS handshake: addresses have none. */
export function serverNameOf(url: URL, identity: TlsIdentity): string | undefined {
  const isAddress = url.hostname.startsWith('[') || /^\d+\.\d+\.\d+\.\d+$/.test(url.hostname);
  return identity.serverName ?? (isAddress ? undefined : url.hostname);
}
