/**
 * What is wrong with a value by its schema, and how much of it was right: of alternatives that all fail, upstream tells
 * about the one with the most that fitted. Errors here are plain data: those of an alternative that is given up count
 * for nothing.
 */
import type { FieldError } from '@timonier/api';

/** More are not reported: nobody reads them. */
export const maxErrors = 64;

export class Findings {
  readonly errors: FieldError[] = [];
  /** Checks that were made and passed. */
  matches = 0;

  get isFine(): boolean {
    return this.errors.length === 0;
  }

  /** True when nothing more needs to be looked at. */
  get isFull(): boolean {
    return this.errors.length >= maxErrors;
  }

  add(error: FieldError): void {
    this.errors.push(error);
  }

  /** `text` follows the place, as in `spec.a in body should match '^x'`. */
  invalid(path: string, badValue: unknown, text: string): void {
    this.add({ type: 'Invalid', field: fieldOf(path), badValue, detail: `${path} in body ${text}` });
  }

  /** Upstream's words for what concerns no field of its own. */
  general(detail: string): void {
    this.add({ type: 'Invalid', field: '<nil>', badValue: '', detail });
  }

  merge(other: Findings): void {
    this.errors.push(...other.errors);
    this.matches += other.matches;
  }
}

/** The place of an error; a field below the root comes with a leading dot where upstream joins without asking. */
export function fieldOf(path: string): string {
  return path.replace(/^\./, '') || '<nil>';
}
