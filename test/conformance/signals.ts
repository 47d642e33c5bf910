/** For a program that takes away what it made when it exits: a signal makes it exit, with the code that shells give to that. */
import { constants } from 'node:os';

export function exitOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => process.exit(128 + constants.signals[signal]));
}
