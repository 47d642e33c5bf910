/** The rules of capacities that several have parts of: how much one may ask for, and how much one gets who asks for nothing. */
import type {
  CapacityRequestPolicy,
  CapacityRequestPolicyRange,
  DeviceCapacity,
} from '../generated/types.ts';
import { addQuantities, compareQuantities, parseQuantity } from '../quantity.ts';
import { items } from './device-names.ts';
import { duplicate, type FieldError, forbidden, invalid, required } from './field-error.ts';

const MAX_OPTIONS = 10;

/** What is wrong with what may be asked for of a capacity, which is only said of a device that several have parts of. */
export function capacityRequests(
  { value, requestPolicy: policy }: DeviceCapacity,
  isShared: boolean,
  at: string,
): FieldError[] {
  if (policy === undefined) return [];
  if (!isShared) return [forbidden(at, 'allowMultipleAllocations must be true')];
  const { validValues = [], validRange, default: usual } = policy;
  if (validValues.length > 0) {
    if (validRange !== undefined)
      return [
        forbidden(
          at,
          'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time',
        ),
      ];
    if (usual === undefined) return [required(`${at}.default`, 'required when validValues is defined')];
    return options(usual, policy, value, `${at}.validValues`);
  }
  if (validRange === undefined) return [];
  if (usual === undefined) return [required(`${at}.default`, 'required when validRange is defined')];
  return range(usual, validRange, value, `${at}.validRange`);
}

function options(
  usual: string,
  { validValues = [] }: CapacityRequestPolicy,
  whole: string,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  for (const [i, value] of validValues.entries())
    if (i > 0 && compareQuantities(validValues[i - 1], value) > 0)
      errors.push(invalid(`${path}[${i}]`, value, 'values must be sorted in ascending order'));
  errors.push(
    ...items(validValues, MAX_OPTIONS, path, (value, at) =>
      compareQuantities(value, whole) > 0
        ? [invalid(at, value, `option is larger than capacity value: ${whole}`)]
        : [],
    ),
  );
  if (validValues.length <= MAX_OPTIONS) {
    const seen = new Set<string>();
    for (const [i, value] of validValues.entries()) {
      const key = String(roundedUp(value));
      if (seen.has(key)) errors.push(duplicate(`${path}[${i}]`, key));
      seen.add(key);
    }
  }
  const isKnown =
    validValues.length <= MAX_OPTIONS && validValues.some((value) => compareQuantities(value, usual) === 0);
  if (!isKnown)
    errors.push(invalid(path, usual, 'default value is not valid according to the requestPolicy'));
  return errors;
}

const UNIT = 1_000_000_000n;

/** In whole units. */
function roundedUp(quantity: string): bigint {
  const { nano } = parseQuantity(quantity);
  return nano > 0n ? (nano + UNIT - 1n) / UNIT : nano / UNIT;
}

function range(
  usual: string,
  { min, max, step }: CapacityRequestPolicyRange,
  whole: string,
  at: string,
): FieldError[] {
  if (min === undefined) return [required(`${at}.min`, 'required when validRange is defined')];
  const errors: FieldError[] = [];
  const above = (a: string, b: string): boolean => compareQuantities(a, b) > 0;
  if (above(min, whole))
    errors.push(invalid(`${at}.min`, min, `min is larger than capacity value: ${whole}`));
  if (above(min, usual)) errors.push(invalid(`${at}.default`, usual, `default is less than min: ${min}`));
  if (max !== undefined) {
    if (above(min, max)) errors.push(invalid(`${at}.max`, min, `min is larger than max: ${max}`));
    if (above(max, whole))
      errors.push(invalid(`${at}.max`, max, `max is larger than capacity value: ${whole}`));
    if (above(usual, max)) errors.push(invalid(`${at}.default`, usual, `default is more than max: ${max}`));
  }
  if (step === undefined) return errors;
  if (compareQuantities(step, '0') <= 0)
    return [...errors, invalid(`${at}.step`, step, 'must be greater than zero')];
  const added = addQuantities(min, step);
  if (above(added, whole))
    errors.push(invalid(`${at}.step`, step, `one step ${added} is larger than capacity value: ${whole}`));
  for (const value of max === undefined ? [usual] : [usual, max])
    if ((roundedUp(value) - roundedUp(min)) % roundedUp(step) !== 0n)
      errors.push(
        invalid(`${at}.step`, value, `value is not a multiple of a given step (${step}) from (${min})`),
      );
  return errors;
}
