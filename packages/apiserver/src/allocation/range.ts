/** IPv4 ranges and the addresses in them, as numbers. */

export interface Range {
  /** As it was written. */
  readonly cidr: string;
  /** The lowest address, as a number. */
  readonly base: number;
  /** How many addresses there are, the lowest and the highest included, which nothing is given. */
  readonly size: number;
}

const minBits = 8;
const maxBits = 30;

/** Undefined for what is no IPv4 range of a size that services can use. */
export function readRange(cidr: string): Range | undefined {
  const match = /^(\d+\.\d+\.\d+\.\d+)\/(\d+)$/.exec(cidr);
  const bits = Number(match?.[2]);
  const address = addressNumber(match?.[1] ?? '');
  if (match === null || Number.isNaN(address) || bits < minBits || bits > maxBits) return undefined;
  const size = 2 ** (32 - bits);
  return { cidr, base: address - (address % size), size };
}

export function isInRange({ base, size }: Range, address: string): boolean {
  const offset = addressNumber(address) - base;
  return offset > 0 && offset < size - 1;
}

/** NaN for what is no IPv4 address. */
function addressNumber(address: string): number {
  const parts = address.split('.').map((part) => (/^\d{1,3}$/.test(part) ? Number(part) : Number.NaN));
  if (parts.length !== 4 || parts.some((part) => !(part <= 255))) return Number.NaN;
  return parts.reduce((number, part) => number * 256 + part, 0);
}

export function addressText(number: number): string {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join('.');
}
