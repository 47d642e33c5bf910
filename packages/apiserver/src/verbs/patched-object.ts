/**
 * What a patch made of an object, read as its kind. A patch was well-formed by itself: that its outcome is not what the
 * kind wants is a 422 that shows what was looked at, as upstream answers, and not the 400 of a body that cannot be read.
 */
import { type ApiObject, NotDecodable } from '@timonier/api/decode';
import type { Parsed } from '@timonier/api/json';
import { failure, StatusError } from '@timonier/api/statuses';
import { decodeParsed } from '../pipeline/decode.ts';
import type { RequestContext } from '../request-context.ts';
import { shownAsMap } from '@timonier/api/patch/map-text';

export function decodePatched(
  { exchange, target }: RequestContext,
  patched: ApiObject,
  form: 'json' | 'merge' | 'strategic',
  patch: Parsed,
): ApiObject {
  try {
    return decodeParsed(exchange, target.info, { value: patched, duplicates: patch.duplicates });
  } catch (error) {
    throw asPatchError(error, patched, form, patch.value);
  }
}

/** That a patch made what cannot be read, as the 422 that tells of it; any other error as it is. */
export function asPatchError(
  error: unknown,
  patched: object,
  form: 'json' | 'merge' | 'strategic',
  patch: unknown,
): unknown {
  if (!(error instanceof NotDecodable)) return error;
  const shown = form === 'strategic' ? shownAsMap(patch) : JSON.stringify(patched);
  const why = form === 'strategic' ? error.ofTree : error.why;
  const message = `Invalid value: ${JSON.stringify(shown)}: ${why}`;
  return new StatusError(
    failure(422, 'Invalid', ` "" is invalid: patch: ${message}`, {
      causes: [{ reason: 'FieldValueInvalid', message, field: 'patch' }],
    }),
  );
}
