/** The rules of paths inside of volumes. Each reports a path with two dots once. */
import { invalid, type FieldError } from './field-error.ts';

export function noBacksteps(field: string, path: string): FieldError[] {
  return path.includes('..') && path.split('/').includes('..')
    ? [invalid(field, path, "must not contain '..'")]
    : [];
}

/** A path that stays below where it is joined to. */
export function relativePath(field: string, path: string): FieldError[] {
  const errors = path.startsWith('/') ? [invalid(field, path, 'must be a relative path')] : [];
  errors.push(...noBacksteps(field, path));
  return errors;
}

/** A file of a volume whose content comes from the API: names that begin with two dots are the volume's own. */
export function ownPath(field: string, path: string): FieldError[] {
  const errors = relativePath(field, path);
  if (path.startsWith('..') && path !== '..' && !path.startsWith('../'))
    errors.push(invalid(field, path, "must not start with '..'"));
  return errors;
}
