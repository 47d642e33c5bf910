/** Kubernetes goes through the fields of a custom resource in another order each time. */
import { type Answer, jsonOf } from '../../calls.ts';

interface Cause {
  readonly field?: string;
  readonly message?: string;
}

/** An answer with its causes by the alphabet, and without the message that joins several. */
export function withSortedCauses(answer: Answer): Answer {
  const body = jsonOf(answer) as { details?: { causes?: readonly Cause[] } } | undefined;
  const causes = body?.details?.causes ?? [];
  if (causes.length < 2) return answer;
  const key = ({ field, message }: Cause): string => `${field} ${message}`;
  const sorted = [...causes].sort((a, b) => (key(a) < key(b) ? -1 : 1));
  const whole = { ...body, message: '<causes>', details: { ...body?.details, causes: sorted } };
  return { ...answer, text: JSON.stringify(whole) };
}
