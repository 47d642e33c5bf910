/**
 * The Status objects a server answers with. Each constructor gives code, reason, message and details as clients
 * expect them; texts that clients match on are kept to the letter. `StatusError` carries one through a throw.
 */
import type { Status, StatusCause, StatusDetails } from './generated/types.ts';

/** A resource as error texts name it: `pods`, `deployments.apps`. */
export interface QualifiedResource {
  readonly group: string;
  readonly resource: string;
}

/** Thrown when a request must be answered with a Status. */
export class StatusError extends Error {
  readonly status: Status;
  constructor(status: Status) {
    super(status.message ?? status.reason ?? 'request failed');
    this.name = 'StatusError';
    this.status = status;
  }
  get code(): number {
    return this.status.code ?? 500;
  }
}

/** `pods` or `deployments.apps`. */
export function qualified(type: QualifiedResource): string {
  return type.group === '' ? type.resource : `${type.resource}.${type.group}`;
}

export function failure(code: number, reason: string, message: string, details?: StatusDetails): Status {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    ...(details === undefined ? {} : { details }),
    code,
  };
}

function detailsOf(type: QualifiedResource, name?: string): StatusDetails {
  return {
    ...(name === undefined || name === '' ? {} : { name }),
    ...(type.group === '' ? {} : { group: type.group }),
    ...(type.resource === '' ? {} : { kind: type.resource }),
  };
}

/** The answer of a delete that leaves nothing behind, and of other verbs without an object. */
export function success(type?: QualifiedResource, name?: string, uid?: string): Status {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    ...(type === undefined
      ? {}
      : { details: { ...detailsOf(type, name), ...(uid === undefined ? {} : { uid }) } }),
  };
}

export function notFound(type: QualifiedResource, name: string): Status {
  return failure(404, 'NotFound', `${qualified(type)} "${name}" not found`, detailsOf(type, name));
}

/** For a path that no resource is served at. */
export function pathNotFound(): Status {
  return failure(404, 'NotFound', 'the server could not find the requested resource', {});
}

export function alreadyExists(type: QualifiedResource, name: string): Status {
  return failure(409, 'AlreadyExists', `${qualified(type)} "${name}" already exists`, detailsOf(type, name));
}

/** `generateName` produced a taken name too often. */
export function generateNameConflict(type: QualifiedResource, name: string): Status {
  return failure(
    409,
    'AlreadyExists',
    `${qualified(type)} "${name}" already exists, the server was not able to generate a unique name for the object`,
    { ...detailsOf(type, name), retryAfterSeconds: 1 },
  );
}

/** The usual text of a conflict on `resourceVersion`. */
const OBJECT_MODIFIED =
  'the object has been modified; please apply your changes to the latest version and try again';

export function conflict(
  type: QualifiedResource,
  name: string,
  detail: string = OBJECT_MODIFIED,
  causes?: StatusCause[],
): Status {
  return failure(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualified(type)} "${name}": ${detail}`,
    { ...detailsOf(type, name), ...(causes === undefined ? {} : { causes }) },
  );
}

/** Server-side apply found fields that other managers own. */
export function applyConflict(message: string, causes: StatusCause[]): Status {
  return failure(409, 'Conflict', message, { causes });
}

export function badRequest(message: string): Status {
  return failure(400, 'BadRequest', message);
}

export function unauthorized(): Status {
  return failure(401, 'Unauthorized', 'Unauthorized');
}

/** `detail` says why, as in `User "x" cannot list resource "pods" in API group "" at the cluster scope`. */
export function forbidden(type: QualifiedResource, name: string, detail: string): Status {
  const named = name === '' ? '' : ` "${name}"`;
  const message =
    type.resource === '' ? `forbidden: ${detail}` : `${qualified(type)}${named} is forbidden: ${detail}`;
  return failure(403, 'Forbidden', message, detailsOf(type, name));
}

/** Several texts as one. */
export function aggregated(texts: readonly string[]): string {
  return texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`;
}

/** The watched or continued version has been compacted away. */
export function expired(message: string): Status {
  return failure(410, 'Expired', message);
}

/** The text for a resource version older than what is kept. */
export function tooOldResourceVersion(asked: string, oldest: string): Status {
  return expired(`too old resource version: ${asked} (${oldest})`);
}

export function gone(message: string): Status {
  return failure(410, 'Gone', message);
}

/** A resource version that the server has not reached yet. */
export function tooLargeResourceVersion(asked: string, current: string): Status {
  return failure(504, 'Timeout', `Timeout: Too large resource version: ${asked}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });
}

export function methodNotAllowed(type: QualifiedResource, action: string): Status {
  return failure(
    405,
    'MethodNotAllowed',
    `${action} is not supported on resources of kind "${qualified(type)}"`,
    detailsOf(type),
  );
}

/** A verb that the server does not allow at this path. */
export function verbNotAllowed(): Status {
  return failure(
    405,
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
    {},
  );
}

export function notAcceptable(accepted: readonly string[]): Status {
  const representations = accepted.join(', ');
  return failure(
    406,
    'NotAcceptable',
    `406: Not Acceptable\n\nAvailable representations: ${representations}`,
    {},
  );
}

/** A media type that is known, in a form that is not. */
export function formNotAcceptable(accepted: readonly string[]): Status {
  return failure(406, 'NotAcceptable', `only the following media types are accepted: ${accepted.join(', ')}`);
}

export function unsupportedMediaType(accepted: readonly string[]): Status {
  return failure(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  );
}

export function requestEntityTooLarge(message = 'limit reached'): Status {
  return failure(413, 'RequestEntityTooLarge', `Request entity too large: ${message}`);
}

export function tooManyRequests(message: string, retryAfterSeconds = 1): Status {
  return failure(429, 'TooManyRequests', message, { retryAfterSeconds });
}

export function internalError(cause: string): Status {
  return failure(500, 'InternalError', `Internal error occurred: ${cause}`, { causes: [{ message: cause }] });
}

export function serviceUnavailable(message: string): Status {
  return failure(503, 'ServiceUnavailable', message);
}

export function timeout(message: string, retryAfterSeconds?: number): Status {
  return failure(
    504,
    'Timeout',
    `Timeout: ${message}`,
    retryAfterSeconds === undefined ? {} : { retryAfterSeconds },
  );
}

/** Validation failed; `causes` come from the field errors, see `invalidStatus`. */
export function invalid(
  kind: { readonly group: string; readonly kind: string },
  name: string,
  message: string,
  causes: StatusCause[],
): Status {
  const shown = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`;
  return failure(422, 'Invalid', `${shown} "${name}" is invalid: ${message}`, {
    ...(name === '' ? {} : { name }),
    ...(kind.group === '' ? {} : { group: kind.group }),
    ...(kind.kind === '' ? {} : { kind: kind.kind }),
    causes,
  });
}
