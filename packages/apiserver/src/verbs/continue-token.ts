/**
 * Where the next page of a list begins, and of which state. Clients hand a token back as it is; when the store has
 * forgotten its state, they are given another one that goes on in the present, for those who can live with that.
 */
import { expired, StatusError } from '@timonier/api/statuses';
import { bad } from '../pipeline/query.ts';

export interface ContinueToken {
  /** Revision that all pages show; undefined when the list goes on in the present. */
  readonly revision: number | undefined;
  /** Key of the last object of the page before. */
  readonly after: string;
}

const present = -1;

export function formatToken({ revision, after }: ContinueToken): string {
  return Buffer.from(JSON.stringify({ v: 1, rv: revision ?? present, after })).toString('base64url');
}

/** Throws 400 for what is no token of ours. */
export function parseToken(text: string): ContinueToken {
  if (!/^[\w-]*$/.test(text) || text.length % 4 === 1)
    throw bad('invalid continue token: continue key is not valid: illegal base64 data at input byte 0');
  try {
    const { v, rv, after } = JSON.parse(Buffer.from(text, 'base64url').toString()) as Record<string, unknown>;
    if (v === 1 && typeof rv === 'number' && typeof after === 'string' && after !== '') {
      if (rv === present) return { revision: undefined, after };
      if (rv > 0) return { revision: rv, after };
    }
    if (after === undefined && typeof rv === 'number')
      throw bad(
        'invalid continue token: continue key is not valid: encoded start key empty (version meta.k8s.io/v1)',
      );
  } catch (error) {
    if (error instanceof StatusError) throw error;
    // Said below, the same way as for a token of the wrong shape.
  }
  throw bad('invalid continue token: continue key is not valid');
}

/** 410, with a token that goes on behind the same object in the present. */
export function expiredToken({ after }: ContinueToken): StatusError {
  const status = expired(
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
  );
  return new StatusError({
    ...status,
    metadata: { ...status.metadata, continue: formatToken({ revision: undefined, after }) },
  });
}
