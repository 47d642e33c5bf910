/** The rules of conditions in a status, for the kinds whose conditions are those of `meta/v1`. */
import type { Condition } from '../generated/types.ts';
import { sizeOf, qualifiedName } from './checks.ts';
import { duplicate, invalid, notSupported, required, tooLong, type FieldError } from './field-error.ts';

const STATUSES = ['False', 'True', 'Unknown'];
const MAX_REASON = 1024;
const MAX_MESSAGE = 32 * 1024;
const REASON = '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?';
const IS_REASON = new RegExp(`^${REASON}$`);

export function validateConditions(list: readonly Condition[] | undefined, path: string): FieldError[] {
  const seen = new Set<string>();
  return (list ?? []).flatMap((condition, i) => {
    const at = `${path}[${i}]`;
    const errors = seen.has(condition.type) ? [duplicate(`${at}.type`, condition.type)] : [];
    seen.add(condition.type);
    return [...errors, ...validateCondition(condition, at)];
  });
}

function validateCondition(condition: Condition, at: string): FieldError[] {
  const { type, status, observedGeneration = 0, lastTransitionTime, message } = condition;
  const reason = condition.reason ?? '';
  const errors = qualifiedName(`${at}.type`, type);
  if (!STATUSES.includes(status)) errors.push(notSupported(`${at}.status`, status ?? '', STATUSES));
  if (sizeOf(observedGeneration) < 0)
    errors.push(
      invalid(`${at}.observedGeneration`, observedGeneration, 'must be greater than or equal to zero'),
    );
  if (!lastTransitionTime) errors.push(required(`${at}.lastTransitionTime`, 'must be set'));
  if (reason === '') errors.push(required(`${at}.reason`, 'must be set'));
  else if (!IS_REASON.test(reason))
    errors.push(
      invalid(
        `${at}.reason`,
        reason,
        `a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is '${REASON}')`,
      ),
    );
  if (Buffer.byteLength(reason) > MAX_REASON) errors.push(tooLong(`${at}.reason`, MAX_REASON));
  if (Buffer.byteLength(message ?? '') > MAX_MESSAGE) errors.push(tooLong(`${at}.message`, MAX_MESSAGE));
  return errors;
}
