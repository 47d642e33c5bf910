/**
 * The header block of a request, in HPACK without a dynamic table. What is the same for every call of a method is
 * encoded once; a deadline and metadata are added.
 */
import { GrpcError, Status } from '../error.ts';
import { literal } from './hpack-encoder.ts';

const post = Buffer.from([0x83]);
const http = Buffer.from([0x86]);
const https = Buffer.from([0x87]);
const pathName = 4;
const authorityName = 1;
const contentTypeName = 31;
const te = literal('te', 'trailers');
const contentType = literal(contentTypeName, 'application/grpc');

const fieldName = /^[0-9a-z_.-]+$/;
const fieldValue = /^[ -~]*$/;

export class RequestHeads {
  readonly #authority: Buffer;
  readonly #scheme: Buffer;
  readonly #methods = new Map<string, Buffer>();
  #timeoutMs = -1;
  #timeout: Buffer = Buffer.alloc(0);

  constructor(authority: string, secure: boolean) {
    this.#authority = literal(authorityName, authority);
    this.#scheme = secure ? https : http;
  }

  /** Throws INVALID_ARGUMENT for metadata that no header can carry. */
  block(
    path: string,
    timeoutMs: number | undefined,
    metadata: Readonly<Record<string, string>> | undefined,
  ): Buffer {
    let fixed = this.#methods.get(path);
    if (fixed === undefined) {
      fixed = Buffer.concat([post, this.#scheme, literal(pathName, path), this.#authority, te, contentType]);
      this.#methods.set(path, fixed);
    }
    if (timeoutMs === undefined && metadata === undefined) return fixed;
    const parts = [fixed];
    if (timeoutMs !== undefined) parts.push(this.#timeoutField(timeoutMs));
    for (const [name, value] of Object.entries(metadata ?? {})) parts.push(metadataField(name, value));
    return Buffer.concat(parts);
  }

  #timeoutField(timeoutMs: number): Buffer {
    const rounded = roundedUp(timeoutMs);
    if (rounded !== this.#timeoutMs) {
      this.#timeoutMs = rounded;
      this.#timeout = literal('grpc-timeout', timeoutText(rounded));
    }
    return this.#timeout;
  }
}

/**
 * Two digits are enough for a server, whose answers come too late anyway when the caller has given up; and equal
 * deadlines make equal blocks, which servers know again.
 */
function roundedUp(ms: number): number {
  const whole = Math.max(1, Math.ceil(ms));
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(whole)) - 1);
  return Math.ceil(whole / unit) * unit;
}

/** In the unit that needs at most the eight digits that the protocol allows. */
function timeoutText(ms: number): string {
  if (ms < 1e8) return `${ms}m`;
  const seconds = Math.ceil(ms / 1_000);
  return seconds < 1e8 ? `${seconds}S` : `${Math.min(99_999_999, Math.ceil(seconds / 3_600))}H`;
}

function metadataField(name: string, value: string): Buffer {
  const lower = name.toLowerCase();
  if (!fieldName.test(lower) || lower.startsWith('grpc-'))
    throw new GrpcError(Status.INVALID_ARGUMENT, `"${name}" is no name of metadata`);
  if (lower.endsWith('-bin')) return literal(lower, Buffer.from(value).toString('base64').replace(/=+$/, ''));
  if (!fieldValue.test(value))
    throw new GrpcError(Status.INVALID_ARGUMENT, `metadata "${name}" holds characters that no header may`);
  return literal(lower, value);
}
