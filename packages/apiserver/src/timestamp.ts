/** Times as objects carry them. */
let lastSecond = Number.NaN;
let lastTimestamp = '';

/** RFC 3339 in whole seconds. Most are asked for several times within their second. */
export function timestamp(milliseconds: number): string {
  const second = Math.floor(milliseconds / 1_000);
  if (second !== lastSecond) {
    lastTimestamp = `${new Date(second * 1_000).toISOString().slice(0, 19)}Z`;
    lastSecond = second;
  }
  return lastTimestamp;
}
