/** Durations as Go writes them, such as `1h30m`: what one comes to, or what is wrong with it in Go's words. Pure. */

const nanoseconds: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  // Both letters that look like a micro sign.
  '\u00b5s': 1_000n,
  '\u03bcs': 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
const longest = 2n ** 63n;

/** The duration in nanoseconds, or the problem. */
export function goDuration(text: string): bigint | string {
  const invalid = `time: invalid duration ${quoted(text)}`;
  const negative = text.startsWith('-');
  let rest = text.replace(/^[-+]/, '');
  if (rest === '0') return 0n;
  if (rest === '') return invalid;
  let sum = 0n;
  while (rest !== '') {
    const [all, whole = '', fraction = '', unit = ''] = /^(\d*)(?:\.(\d*))?([^.\d]*)/.exec(rest) ?? [''];
    if (whole === '' && fraction === '') return invalid;
    if (BigInt(whole) > longest) return invalid;
    if (unit === '') return `time: missing unit in duration ${quoted(text)}`;
    const size = Object.hasOwn(nanoseconds, unit) ? nanoseconds[unit] : undefined;
    if (size === undefined) return `time: unknown unit ${quoted(unit)} in duration ${quoted(text)}`;
    sum += BigInt(whole) * size;
    if (fraction !== '') sum += (BigInt(fraction) * size) / 10n ** BigInt(fraction.length);
    if (sum > longest) return invalid;
    rest = rest.slice(all.length);
  }
  if (negative) return -sum;
  return sum === longest ? invalid : sum;
}

/** In quotes, and what is not plain ASCII byte by byte. */
function quoted(text: string): string {
  const bytes = Array.from(new TextEncoder().encode(text), (byte) => {
    const letter = String.fromCharCode(byte);
    if (letter === '"' || letter === '\\') return `\\${letter}`;
    return byte < 0x20 || byte >= 0x80 ? `\\x${byte.toString(16).padStart(2, '0')}` : letter;
  });
  return `"${bytes.join('')}"`;
}
