/** Where requests go, who asks, and what goes there and comes back, whatever the version of HTTP. */

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
  /** The first value of a header, by its name in lower case. */
  header(name: string): string | undefined;
  readonly body: ResponseBody;
}

/** Bytes as they come. To be read to its end or destroyed; what is not read holds the server back. */
export interface ResponseBody extends AsyncIterable<Buffer> {
  /** Reads nothing more. Whoever waits for bytes gets the error, if there is one. */
  destroy(error?: Error): unknown;
}

/** The name to ask for in the TLS handshake: addresses have none. */
export function serverNameOf(url: URL, identity: TlsIdentity): string | undefined {
  const isAddress = url.hostname.startsWith('[') || /^\d+\.\d+\.\d+\.\d+$/.test(url.hostname);
  return identity.serverName ?? (isAddress ? undefined : url.hostname);
}
