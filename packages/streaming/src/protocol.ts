/**
 * The channel protocols that carry a process's standard streams over one WebSocket, as Kubernetes clients speak them:
 * every binary message is one byte of channel number followed by payload.
 *
 * - `v5.channel.k8s.io`: as v4, and the message `255, N` ends channel N, so stdin can be closed while output flows.
 * - `v4.channel.k8s.io`: the outcome is a JSON `Status` on the error channel.
 * - `channel.k8s.io` (and its alias, no protocol at all): the outcome is plain text, nothing on success.
 */

export const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

export const channelProtocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io', 'channel.k8s.io'] as const;
export type ChannelProtocol = (typeof channelProtocols)[number];

/** The best protocol both sides know; undefined when the client offered only others. */
export function chooseProtocol(offered: Iterable<string>): ChannelProtocol | undefined {
  const names = new Set(offered);
  if (names.size === 0) return 'channel.k8s.io';
  return channelProtocols.find((protocol) => names.has(protocol));
}

/** How a command ended: with an exit code, or without one because it could not run or was cut off. */
export type ExecOutcome = { readonly exitCode: number } | { readonly failure: string };

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

export function frame(number: number, payload: Uint8Array): Buffer {
  const message = Buffer.allocUnsafe(payload.length + 1);
  message[0] = number;
  message.set(payload, 1);
  return message;
}

/** The message on the error channel; undefined when the protocol says nothing about success. */
export function encodeOutcome(protocol: ChannelProtocol, outcome: ExecOutcome): Buffer | undefined {
  if (protocol === 'channel.k8s.io') {
    if ('failure' in outcome) return Buffer.from(outcome.failure);
    return outcome.exitCode === 0 ? undefined : Buffer.from(exitMessage(outcome.exitCode));
  }
  return Buffer.from(JSON.stringify(statusOf(outcome)));
}

function statusOf(outcome: ExecOutcome): object {
  if ('failure' in outcome) {
    return {
      metadata: {},
      status: 'Failure',
      message: outcome.failure,
      reason: 'InternalError',
      details: { causes: [{ message: outcome.failure }] },
      code: 500,
    };
  }
  if (outcome.exitCode === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    message: exitMessage(outcome.exitCode),
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(outcome.exitCode) }] },
  };
}

function exitMessage(code: number): string {
  return `command terminated with exit code ${code}`;
}

/** Reads what came on the error channel. Text that is not a `Status` is a failure with that text. */
export function decodeOutcome(payload: Buffer): ExecOutcome {
  const text = payload.toString('utf8');
  let status: { status?: string; reason?: string; message?: string; details?: { causes?: Cause[] } };
  try {
    status = JSON.parse(text) as typeof status;
  } catch {
    const plain = /^command terminated with exit code (\d+)$/.exec(text);
    return plain === null ? { failure: text } : { exitCode: Number(plain[1]) };
  }
  if (status.status === 'Success') return { exitCode: 0 };
  const code = status.details?.causes?.find((cause) => cause.reason === 'ExitCode')?.message;
  if (status.reason === 'NonZeroExitCode' && code !== undefined && /^\d+$/.test(code)) {
    return { exitCode: Number(code) };
  }
  return { failure: status.message ?? text };
}

interface Cause {
  readonly reason?: string;
  readonly message?: string;
}

export function encodeResize(size: TerminalSize): Buffer {
  return Buffer.from(JSON.stringify({ Width: size.columns, Height: size.rows }));
}

/** Undefined when the message is not a size; a terminal that is told nonsense keeps its size. */
export function decodeResize(payload: Buffer): TerminalSize | undefined {
  try {
    const { Width, Height } = JSON.parse(payload.toString('utf8')) as { Width?: unknown; Height?: unknown };
    return isSize(Width) && isSize(Height) ? { columns: Width, rows: Height } : undefined;
  } catch {
    return undefined;
  }
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 0xffff;
}
