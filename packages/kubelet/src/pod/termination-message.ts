/** The last words of a container: what it wrote to its message file, or on failure the end of its log. */
import { closeSync, openSync, readFileSync, readSync, fstatSync } from 'node:fs';
import { messagePathAnnotation, messagePolicyAnnotation } from '../runtime/labels.ts';
import type { RuntimeContainer } from '../runtime/runtime-pod.ts';

const maxMessageBytes = 4_096;
const maxLogBytes = 2_048;
const maxLogLines = 80;

export function terminationMessage(container: RuntimeContainer): string | undefined {
  const path = container.annotations[messagePathAnnotation];
  const mount = container.mounts.find(({ containerPath }) => containerPath === path);
  const written = mount === undefined ? '' : tail(mount.hostPath, maxMessageBytes, true);
  if (written !== '') return written;
  const policy = container.annotations[messagePolicyAnnotation];
  if (policy !== 'FallbackToLogsOnError' || container.exitCode === 0) return undefined;
  const lines = tail(container.logPath, maxLogBytes * 4, false)
    .split('\n')
    .filter((line) => line !== '')
    // TIME STREAM FLAG CONTENT
    .map((line) => line.split(' ').slice(3).join(' '));
  const text = lines.slice(-maxLogLines).join('\n').slice(-maxLogBytes);
  return text === '' ? undefined : text;
}

function tail(path: string, bytes: number, fromStart: boolean): string {
  try {
    if (fromStart) return readFileSync(path).subarray(0, bytes).toString('utf8');
    const file = openSync(path, 'r');
    try {
      const size = fstatSync(file).size;
      const buffer = Buffer.alloc(Math.min(size, bytes));
      readSync(file, buffer, 0, buffer.length, size - buffer.length);
      return buffer.toString('utf8');
    } finally {
      closeSync(file);
    }
  } catch {
    return '';
  }
}
