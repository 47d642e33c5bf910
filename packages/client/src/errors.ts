/**
 * How a call to the API server fails: `ApiError` when the server answered with a refusal (its `status` is the
 * Kubernetes Status), `ConnectionError` when no answer came. Retry policy asks these errors, never their texts.
 */

export interface StatusCause {
  readonly reason?: string;
  readonly message?: string;
  readonly field?: string;
}

/** `v1.Status` as the server sends it. */
export interface Status {
  readonly kind?: string;
  readonly apiVersion?: string;
  readonly status?: string;
  readonly message?: string;
  readonly reason?: string;
  readonly code?: number;
  readonly details?: {
    readonly name?: string;
    readonly group?: string;
    readonly kind?: string;
    readonly uid?: string;
    readonly causes?: readonly StatusCause[];
    readonly retryAfterSeconds?: number;
  };
}

/** The server answered, and refused. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: Status;
  /** HTTP status code. */
  readonly code: number;
  /** Machine-readable reason such as `NotFound`; empty when the server gave none. */
  readonly reason: string;
  /** How long the server asks to wait before a retry, when it does. */
  readonly retryAfterMs: number | undefined;

  constructor(status: Status, code?: number, retryAfterMs?: number) {
    // Upstream sends refusals with a message of no length, too.
    super(
      status.message ||
        `the server answered ${[code ?? status.code ?? 'without a status', status.reason ?? ''].join(' ').trim()}`,
    );
    this.status = status;
    this.code = code ?? status.code ?? 0;
    this.reason = status.reason ?? '';
    const seconds = status.details?.retryAfterSeconds;
    this.retryAfterMs = retryAfterMs ?? (seconds === undefined ? undefined : seconds * 1000);
  }

  /** True when the refusal says that the writer's office is over. */
  get isStaleEpoch(): boolean {
    return this.status.details?.causes?.some((cause) => cause.reason === 'StaleEpoch') ?? false;
  }
}

/** No answer: the connection failed, broke, or the deadline passed. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  /** False only when it is certain that the request never reached a server. */
  readonly sent: boolean;

  constructor(message: string, sent: boolean, cause?: unknown) {
    super(message, { cause });
    this.sent = sent;
  }
}

/** OpenSSL's names for certificates that do not hold, as Node reports them. */
const untrustedCodes: ReadonlySet<string> = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_SIGNATURE_FAILURE',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** True when the server's certificate was refused, so that the same server will be refused again. */
export function isUntrusted(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause)
    if ('code' in at && typeof at.code === 'string' && untrustedCodes.has(at.code)) return true;
  return false;
}

export function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.code === 404;
}

/** A stale resourceVersion or another clash of writers; see also `isAlreadyExists`, which is a 409 too. */
export function isConflict(error: unknown): boolean {
  return error instanceof ApiError && error.code === 409 && error.reason !== 'AlreadyExists';
}

export function isAlreadyExists(error: unknown): boolean {
  return error instanceof ApiError && error.code === 409 && error.reason === 'AlreadyExists';
}

/** The resource version is no longer served: only a new list helps. */
export function isGone(error: unknown): boolean {
  return error instanceof ApiError && (error.code === 410 || error.reason === 'Expired');
}

export function isInvalid(error: unknown): boolean {
  return error instanceof ApiError && error.code === 422;
}

export function isStaleEpoch(error: unknown): boolean {
  return error instanceof ApiError && error.isStaleEpoch;
}

/** Turns a refused response into an error, whatever its body holds. */
export function apiErrorFrom(code: number, body: Buffer, retryAfter: string | undefined): ApiError {
  const seconds = retryAfter === undefined ? Number.NaN : Number(retryAfter);
  const retryAfterMs = Number.isFinite(seconds) ? Math.max(0, seconds * 1000) : undefined;
  const text = body.toString('utf8');
  let status: Status = { kind: 'Status', apiVersion: 'v1', status: 'Failure', code };
  try {
    const parsed: unknown = JSON.parse(text);
    if (isStatus(parsed)) return new ApiError(parsed, code, retryAfterMs);
  } catch {
    // Proxies and load balancers answer in plain text; the text is then the message.
  }
  status = { ...status, message: text.trim().slice(0, 500) || `the server answered ${code}` };
  return new ApiError(status, code, retryAfterMs);
}

function isStatus(value: unknown): value is Status {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'Status';
}
