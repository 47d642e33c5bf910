/**
 * What was found out about texts that must not lie around in memory: by their digest, the least recently asked for
 * forgotten first. Only for findings that stay true.
 */
import { hash } from 'node:crypto';

export class Remembered<T extends object> {
  readonly #most: number;
  readonly #byDigest = new Map<string, T>();

  constructor(most: number) {
    this.#most = most;
  }

  /** What `find` gives for the text; not asked again while that is remembered. Undefined is not. */
  of(text: string, find: (text: string) => T | undefined): T | undefined {
    const digest = hash('sha256', text, 'base64');
    const known = this.#byDigest.get(digest);
    const found = known ?? find(text);
    if (found === undefined) return undefined;
    if (known !== undefined) this.#byDigest.delete(digest);
    else if (this.#byDigest.size >= this.#most) this.#forgetOne();
    this.#byDigest.set(digest, found);
    return found;
  }

  /** A map keeps its keys in the order in which they were put there. */
  #forgetOne(): void {
    for (const oldest of this.#byDigest.keys()) {
      this.#byDigest.delete(oldest);
      return;
    }
  }
}
