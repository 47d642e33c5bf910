/** A request to one of the two servers and its answer, as plain data: what compares answers needs no connection. */

export interface WebSocketAsk {
  readonly protocols?: readonly string[];
  /** Empty: none, as no browser asks. */
  readonly origin: string;
  /** Whether all bytes of messages are compared: they hold nothing that a server made up. */
  readonly whole?: boolean;
}

export interface Call {
  readonly method: string;
  readonly path: string;
  /** A text or bytes as they are, anything else as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** An identity of the cluster's certificates; the administrator unless told. */
  readonly as?: string;
  /** Present: a watch or a log over a WebSocket, which is asked for like this. */
  readonly webSocket?: WebSocketAsk;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** The same where it may be no text. */
  readonly bytes?: Buffer;
}

/** What an answer holds as JSON; undefined when it is none. */
// What it holds is for the script to say.
// oxlint-disable-next-line typescript/no-explicit-any
export function jsonOf(answer: Answer): any {
  try {
    return JSON.parse(answer.text) as unknown;
  } catch {
    return undefined;
  }
}
