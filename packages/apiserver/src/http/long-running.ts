/**
 * Requests that last as long as their clients want, watches and streams: how many are held at once, and whose they are. Upstream bounds neither; here each of them is memory
 * that must not run out, and nobody's may shut out everybody else: one user has half of the room at most, users with few
 * have a reserve that others do not get, and administrators one behind that.
 */
import { failure, StatusError, tooManyRequests } from '@timonier/api/statuses';
import type { User } from '../pipeline/authenticate.ts';
import { isStream } from '../pipeline/limit.ts';
import type { HttpRequest } from './exchange.ts';
import type { RequestInfo } from './request-info.ts';

/** Characters of the target and the fields of a watch: they are kept as long as it lasts, and of others there may be a megabyte. */
const longestHead = 128 * 1024;

/** Throws 431 for a watch that asks at a length which nobody can be let keep thousands of times. */
export function checkHead({ url, rawHeaders }: Pick<HttpRequest, 'url' | 'rawHeaders'>): void {
  let length = url.length;
  for (const text of rawHeaders) length += text.length;
  if (length > longestHead)
    throw new StatusError(failure(431, '', `the head of a watch has ${longestHead} bytes at most`));
}

export function isWatch({ verb, resource }: RequestInfo): boolean {
  return verb === 'watch' && resource !== undefined;
}

export function isLongRunning(info: RequestInfo): boolean {
  return isWatch(info) || isStream(info);
}

export interface Room {
  /** What users share among them. */
  readonly shared: number;
  /** What one user has of it at most. */
  readonly each: number;
  /** Beyond it, for users that hold fewer than `few`. */
  readonly reserve: number;
  readonly few: number;
  /** Beyond that, for who is exempt from limits. */
  readonly exempt: number;
}

export function roomOf(shared: number): Room {
  return {
    shared,
    each: Math.ceil(shared / 2),
    reserve: Math.ceil(shared / 4),
    few: Math.ceil(shared / 200),
    exempt: Math.ceil(shared / 4),
  };
}

export class LongRunning {
  readonly #room: Room;
  readonly #held = new Map<string, number>();
  #total = 0;

  constructor(room: Room) {
    this.#room = room;
  }

  /** What to call when the request is over. Throws 429, and says so to `onRefused` before, when there is no room for it. */
  hold(user: User, onRefused: () => void): () => void {
    if (!this.#hasRoom(user)) {
      onRefused();
      throw new StatusError(tooManyRequests('Too many requests, please try again later.'));
    }
    const { name } = user;
    this.#total++;
    this.#held.set(name, (this.#held.get(name) ?? 0) + 1);
    return () => {
      this.#total--;
      const held = (this.#held.get(name) ?? 0) - 1;
      if (held > 0) this.#held.set(name, held);
      else this.#held.delete(name);
    };
  }

  #hasRoom({ name, groups }: User): boolean {
    const { shared, each, reserve, few, exempt } = this.#room;
    if (groups.includes('system:masters')) return this.#total < shared + reserve + exempt;
    const held = this.#held.get(name) ?? 0;
    if (held >= each) return false;
    return this.#total < shared || (held < few && this.#total < shared + reserve);
  }
}
