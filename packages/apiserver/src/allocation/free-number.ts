/** A number of a range that nobody has, at random, so that those who look at the same time seldom find the same one. */
import { randomInt } from 'node:crypto';

/** So many of a range that is more than half free are found taken by chance less than once in a million. */
const mostGuesses = 20;

/**
 * Of the `count` numbers from `first` on; undefined when all are taken. Where guessing does not find one, all are looked at from a
 * random one on, which takes no longer than there are taken ones.
 */
export function freeNumber(
  first: number,
  count: number,
  isTaken: (number: number) => boolean,
): number | undefined {
  if (count <= 0) return undefined;
  for (let guess = 0; guess < mostGuesses; guess++) {
    const number = first + randomInt(count);
    if (!isTaken(number)) return number;
  }
  const start = randomInt(count);
  for (let i = 0; i < count; i++) {
    const number = first + ((start + i) % count);
    if (!isTaken(number)) return number;
  }
  return undefined;
}
