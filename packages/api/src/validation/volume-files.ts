/** The rules of the files that volumes make of the API's own data. */
import type { DownwardAPIVolumeFile, KeyToPath } from '../generated/types.ts';
import { fieldReference, resourceReference } from './container-env.ts';
import { invalid, required, type FieldError } from './field-error.ts';
import { ownPath } from './paths.ts';

const MODE = 'must be a number between 0 and 0777 (octal), both inclusive';

/** The permissions of a file. */
export function fileMode(field: string, value: number | undefined): FieldError[] {
  return value === undefined || (value >= 0 && value <= 0o777) ? [] : [invalid(field, value, MODE)];
}

/** Which key becomes which file. */
export function keyToPath({ key, path, mode }: KeyToPath, at: string): FieldError[] {
  const errors = key ? [] : [required(`${at}.key`)];
  errors.push(...(path ? ownPath(`${at}.path`, path) : [required(`${at}.path`)]));
  return [...errors, ...fileMode(`${at}.mode`, mode)];
}

const DOWNWARD_FIELDS = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
];

/** Upstream names the volume, not the file. */
export function downwardFile(file: DownwardAPIVolumeFile, at: string): FieldError[] {
  const { path, fieldRef, resourceFieldRef, mode } = file;
  const errors = path ? ownPath(`${at}.path`, path) : [required(`${at}.path`)];
  if (fieldRef !== undefined) {
    errors.push(...fieldReference(fieldRef, `${at}.fieldRef`, DOWNWARD_FIELDS));
    if (resourceFieldRef !== undefined)
      errors.push(
        invalid(at, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'),
      );
  } else if (resourceFieldRef !== undefined)
    errors.push(...resourceReference(resourceFieldRef, `${at}.resourceFieldRef`, true));
  else errors.push(required(at, 'one of fieldRef and resourceFieldRef is required'));
  return [...errors, ...fileMode(`${at}.mode`, mode)];
}
