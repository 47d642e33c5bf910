/** What a failed call says of the endpoint that was asked, and of what was asked there. */
import { type GrpcError, Status } from '@timonier/grpc';

/** `not-sent`: nothing happened. `unknown`: something may have. `refused`: the store answered. */
export function classify(error: GrpcError): 'not-sent' | 'unknown' | 'refused' {
  const text = error.details;
  if (error.code === Status.UNAVAILABLE) {
    return /no leader|not leader|No connection established|ECONNREFUSED|ENOENT/i.test(text)
      ? 'not-sent'
      : 'unknown';
  }
  const unknown: readonly number[] = [
    Status.DEADLINE_EXCEEDED,
    Status.CANCELLED,
    Status.INTERNAL,
    Status.UNKNOWN,
  ];
  return unknown.includes(error.code) ? 'unknown' : 'refused';
}

/**
 * Nobody answered, or nobody is there; one that has no leader at the moment answers, and so does one that refuses a call. `wasPatient`: the
 * call had time enough for silence to mean anything.
 */
export function isSilence({ code, details }: GrpcError, wasPatient: boolean): boolean {
  if (code === Status.DEADLINE_EXCEEDED) return wasPatient;
  return details.startsWith('No connection established') && !details.endsWith('the server refused the call');
}

/** The store may or may not have committed the transaction. */
export class UnknownOutcome extends Error {
  override readonly name = 'UnknownOutcome';
}

/** The revision asked for has been compacted away; `compactRevision` is the oldest that is left, 0 if unknown. */
export class Compacted extends Error {
  override readonly name = 'Compacted';
  readonly compactRevision: number;
  constructor(compactRevision: number) {
    super('the requested revision has been compacted');
    this.compactRevision = compactRevision;
  }
}
