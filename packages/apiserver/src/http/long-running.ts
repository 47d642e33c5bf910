/** Requests that last as long as their clients want: watches and streams. No more than so many are held at once. */
import { StatusError, tooManyRequests } from '@timonier/api/statuses';
import { isStream } from '../pipeline/limit.ts';
import type { RequestInfo } from './request-info.ts';

export function isWatch({ verb, resource }: RequestInfo): boolean {
  return verb === 'watch' && resource !== undefined;
}

export function isLongRunning(info: RequestInfo): boolean {
  return isWatch(info) || isStream(info);
}

export class LongRunning {
  readonly #most: number;
  #held = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** What to call when the request is over. Throws 429, and says so to `onRefused` before, when there is no room for it. */
  hold(onRefused: () => void): () => void {
    if (this.#held >= this.#most) {
      onRefused();
      throw new StatusError(tooManyRequests('Too many requests, please try again later.'));
    }
    this.#held++;
    return () => this.#held--;
  }
}
