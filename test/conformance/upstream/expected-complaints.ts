/**
 * What upstream's programs are known to complain about on upstream's own API server, too, in the same script: each was
 * seen there. Everything else counts as a difference.
 */
import type { Complaint } from './complaints.ts';

const expected: readonly { readonly why: string; readonly pattern: RegExp }[] = [
  {
    why: 'two writers met, and the loser tries again',
    pattern: /the object has been modified; please apply your changes to the latest version/,
  },
];

export function withoutExpected(complaints: readonly Complaint[]): readonly Complaint[] {
  return complaints.filter(({ text }) => !expected.some(({ pattern }) => pattern.test(text)));
}
