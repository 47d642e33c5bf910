/** What the header blocks of an answer say: its beginning, its end, or both at once. */
import { GrpcError, Status, type StatusCode } from '../error.ts';
import { fieldOf } from './head.ts';
import { ErrorCode } from './protocol.ts';

/** What a block says to a call of gRPC. */
export interface GrpcHead {
  /** How the call ended, when this says so; undefined otherwise. OK is `null`. */
  readonly outcome: GrpcError | null | undefined;
  /** Why no gRPC messages can follow; undefined when they can. */
  readonly problem: GrpcError | undefined;
}

/** Immutable but for what it remembers: all answers that begin or end alike may share one. */
export class ResponseHead {
  /** Names and values in turn. */
  readonly fields: readonly string[];
  /** `:status`; undefined in trailers. */
  readonly httpStatus: string | undefined;
  #grpc: GrpcHead | undefined;

  constructor(fields: readonly string[]) {
    this.fields = fields;
    this.httpStatus = fieldOf(fields, ':status');
  }

  get grpc(): GrpcHead {
    if (this.#grpc !== undefined) return this.#grpc;
    const outcome = outcomeOf(this.fields);
    const head: GrpcHead = { outcome, problem: problemOf(this.fields, this.httpStatus) };
    // An error belongs to one call.
    if (!(outcome instanceof GrpcError) && head.problem === undefined) this.#grpc = head;
    return head;
  }
}

function outcomeOf(fields: readonly string[]): GrpcError | null | undefined {
  const status = fieldOf(fields, 'grpc-status');
  if (status === undefined) return undefined;
  const code = /^\d{1,2}$/.test(status) ? Number(status) : -1;
  if (code === Status.OK) return null;
  const details = percentDecode(fieldOf(fields, 'grpc-message') ?? '');
  const known = Object.values<number>(Status).includes(code);
  return known
    ? // Known codes were just looked up.
      new GrpcError(code as StatusCode, details)
    : new GrpcError(Status.UNKNOWN, `the server answered with status "${status}": ${details}`);
}

/** By the mapping of the gRPC specification. */
const httpCodes: Readonly<Record<string, StatusCode>> = {
  400: Status.INTERNAL,
  401: Status.UNAUTHENTICATED,
  403: Status.PERMISSION_DENIED,
  404: Status.UNIMPLEMENTED,
  429: Status.UNAVAILABLE,
  502: Status.UNAVAILABLE,
  503: Status.UNAVAILABLE,
  504: Status.UNAVAILABLE,
};

function problemOf(fields: readonly string[], httpStatus: string | undefined): GrpcError | undefined {
  // The answer itself is still to come.
  if (httpStatus?.startsWith('1') === true) return undefined;
  if (httpStatus !== undefined && httpStatus !== '200')
    return new GrpcError(
      httpCodes[httpStatus] ?? Status.UNKNOWN,
      `the server answered with HTTP status ${httpStatus}`,
    );
  const type = fieldOf(fields, 'content-type') ?? '';
  if (httpStatus === '200' && !type.startsWith('application/grpc'))
    return new GrpcError(Status.UNKNOWN, `the server answered with content type "${type}"`);
  const encoding = fieldOf(fields, 'grpc-encoding') ?? 'identity';
  if (encoding !== 'identity')
    return new GrpcError(Status.INTERNAL, `the server answered with encoding "${encoding}", unasked`);
  return undefined;
}

/** The status of a call whose stream the server reset, by the mapping of the gRPC specification. */
export function resetError(code: number): GrpcError {
  const name = Object.entries(ErrorCode).find(([, number]) => number === code)?.[0] ?? String(code);
  const text = `the server reset the stream: ${name}`;
  switch (code) {
    case ErrorCode.REFUSED_STREAM:
      return new GrpcError(Status.UNAVAILABLE, text);
    case ErrorCode.CANCEL:
      return new GrpcError(Status.CANCELLED, text);
    case ErrorCode.ENHANCE_YOUR_CALM:
      return new GrpcError(Status.RESOURCE_EXHAUSTED, text);
    case ErrorCode.INADEQUATE_SECURITY:
      return new GrpcError(Status.PERMISSION_DENIED, text);
    default:
      return new GrpcError(Status.INTERNAL, text);
  }
}

/** The opposite of gRPC's percent-encoding. What is no valid escape stays as it is. */
function percentDecode(text: string): string {
  if (!text.includes('%')) return text;
  const bytes: number[] = [];
  for (let i = 0; i < text.length; i++) {
    const hex = text[i] === '%' ? text.slice(i + 1, i + 3) : '';
    if (/^[0-9a-fA-F]{2}$/.test(hex)) {
      bytes.push(Number.parseInt(hex, 16));
      i += 2;
    } else bytes.push(text.charCodeAt(i) & 0xff);
  }
  return Buffer.from(bytes).toString();
}
