/**
 * The end of a component's log, for an error message: the last lines, JSON ones as a person would write them.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const tailBytes = 32 * 1024;
const tailLines = 8;
const maxLine = 300;

/** The last lines of a file, without reading more of it than needed; none when it cannot be read. */
export function tail(path: string): readonly string[] {
  let descriptor;
  try {
    descriptor = openSync(path, 'r');
    const { size } = fstatSync(descriptor);
    const buffer = Buffer.alloc(Math.min(size, tailBytes));
    readSync(descriptor, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString('utf8').trimEnd().split('\n').slice(-tailLines).filter(Boolean).map(readable);
  } catch {
    return [];
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** `message: error`, from a structured line; any other line as it is. */
export function readable(line: string): string {
  let text = line;
  try {
    const { msg, err, reason } = JSON.parse(line) as {
      msg?: string;
      err?: { message?: string };
      reason?: string;
    };
    text = [msg, err?.message ?? reason].filter((part) => part !== undefined).join(': ');
  } catch {
    // Not structured, or cut off at the front.
  }
  return text.length > maxLine ? `${text.slice(0, maxLine)}…` : text;
}
