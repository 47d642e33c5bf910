/** gRPC's status codes, and the one error that carries them across a call. */

export const Status = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

export type StatusCode = (typeof Status)[keyof typeof Status];

const names: ReadonlyMap<number, string> = new Map(
  Object.entries(Status).map(([name, code]) => [code, name] as const),
);

/** The name of a status code in the spelling of the gRPC specification. */
export function statusName(code: number): string {
  return names.get(code) ?? `code ${code}`;
}

/** The name of a status code as Go spells it: `OK`, `NotFound`, `Canceled`. */
export function goStatusName(code: StatusCode): string {
  if (code === Status.OK) return 'OK';
  if (code === Status.CANCELLED) return 'Canceled';
  return statusName(code)
    .toLowerCase()
    .replace(/(?:^|_)(.)/g, (_whole, first: string) => first.toUpperCase());
}

/** An error in the words of Go's, which people and programs know from etcd and Kubernetes. */
export function goErrorText({ code, details }: GrpcError): string {
  return `rpc error: code = ${goStatusName(code)} desc = ${details}`;
}

/**
 * A call that ended with a status other than OK. Thrown by handlers to answer with that status, and by clients
 * when they receive it. `details` is the message as it travels; `message` adds the code's name for people.
 */
export class GrpcError extends Error {
  override readonly name = 'GrpcError';
  readonly code: StatusCode;
  readonly details: string;

  constructor(code: StatusCode, details: string, options?: ErrorOptions) {
    super(`${statusName(code)}: ${details}`, options);
    this.code = code;
    this.details = details;
  }
}
