/** Arithmetic on the store's keys. */

/** The end of the range of all keys that begin with `prefix`: its last byte, which is ASCII here, raised by one. */
export function rangeEnd(prefix: string): string {
  const last = prefix.length - 1;
  return prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1);
}
