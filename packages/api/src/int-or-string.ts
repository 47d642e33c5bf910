/** Values that are a number or a percentage of something, and ports that are a number or a name. */

/** Reads a number, or a percentage of `total` rounded as told. Throws on any other string. */
export function scaledIntOrPercent(value: number | string, total: number, roundUp: boolean): number {
  if (typeof value === 'number') return value;
  const match = /^(\d+)%$/.exec(value);
  if (match === null)
    throw new Error('invalid value for IntOrString: invalid type: string is not a percentage');
  const exact = (Number(match[1]) * total) / 100;
  return roundUp ? Math.ceil(exact) : Math.floor(exact);
}

/** Whether the value is a string of digits and a percent sign. */
export function isPercent(value: number | string): boolean {
  return typeof value === 'string' && /^\d+%$/.test(value);
}
