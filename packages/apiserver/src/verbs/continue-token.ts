/**
 * Where the next page of a list begins, and of which state, in upstream's form. Clients hand a token back as it is; when the
 * store has forgotten its state, they are given another one that goes on in the present, for those who can live with that.
 */
import { jsonKind } from '@timonier/api/decode/go-names';
import { jsonSyntaxError } from '@timonier/api/json-syntax';
import { expired, StatusError } from '@timonier/api/statuses';
import { bad } from '../pipeline/query.ts';

export interface ContinueToken {
  /** Revision that all pages show; undefined when the list goes on in the present. */
  readonly revision: number | undefined;
  /** The first key that the next page may have. */
  readonly start: string;
}

const version = 'meta.k8s.io/v1';
const present = -1;

/** `prefix` is that of all keys of the list; the token names what comes behind it. */
export function formatToken({ revision, start }: ContinueToken, prefix: string): string {
  const text = JSON.stringify({ v: version, rv: revision ?? present, start: start.slice(prefix.length) });
  return Buffer.from(text).toString('base64url');
}

/** Throws 400 for what is no token, or leads out of the prefix. */
export function parseToken(text: string, prefix: string): ContinueToken {
  const { v, rv, start } = fieldsOf(text);
  if (v !== version) throw notValid(`server does not recognize this encoded version ${v}`);
  if (rv === 0) throw notValid(`incorrect encoded start resourceVersion (version ${version})`);
  if (start === '') throw notValid(`encoded start key empty (version ${version})`);
  const key = start.startsWith('/') ? start.slice(1) : start;
  const isAbove = key.split('/').some((part) => part === '' || part === '.' || part === '..');
  if (isAbove && key !== '') throw notValid(start);
  return { revision: rv < 0 ? undefined : rv, start: prefix + key };
}

function fieldsOf(text: string): { v: string; rv: number; start: string } {
  const wrong = text.search(/[^\w-]/);
  if (wrong >= 0) throw notValid(`illegal base64 data at input byte ${wrong}`);
  if (text.length % 4 === 1) throw notValid(`illegal base64 data at input byte ${text.length - 1}`);
  const json = Buffer.from(text, 'base64url').toString();
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw notValid(jsonSyntaxError(json));
  }
  if (value !== null && (typeof value !== 'object' || Array.isArray(value)))
    throw notValid(`json: cannot unmarshal ${jsonKind(value)} into Go value of type storage.continueToken`);
  const given = (value ?? {}) as Record<string, unknown>;
  const field = <T>(
    name: string,
    type: 'string' | 'int64',
    none: T,
    isGood: (one: unknown) => boolean,
  ): T => {
    const one = given[name] ?? none;
    if (isGood(one)) return one as T;
    const said = typeof one === 'number' ? `number${type === 'int64' ? ` ${one}` : ''}` : jsonKind(one);
    throw notValid(
      `json: cannot unmarshal ${said} into Go struct field continueToken.${name} of type ${type}`,
    );
  };
  const isText = (one: unknown): boolean => typeof one === 'string';
  return {
    v: field('v', 'string', '', isText),
    rv: field('rv', 'int64', 0, Number.isSafeInteger),
    start: field('start', 'string', '', isText),
  };
}

function notValid(why: string): StatusError {
  return bad(`invalid continue token: continue key is not valid: ${why}`);
}

/** 410, with a token that goes on at the same place in the present. */
export function expiredToken({ start }: ContinueToken, prefix: string): StatusError {
  const status = expired(
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
  );
  return new StatusError({
    ...status,
    metadata: { ...status.metadata, continue: formatToken({ revision: undefined, start }, prefix) },
  });
}
