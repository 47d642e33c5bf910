/** A member tells the others its name and client addresses, once after each start and only when they changed. */
import type { MemberAttributes, StoredRequest } from './codecs.ts';

export interface AnnouncementOptions {
  readonly attributes: MemberAttributes;
  /** What the group knows of this member; undefined when nothing. */
  readonly known: () => Omit<MemberAttributes, 'id'> | undefined;
  readonly propose: (request: Omit<StoredRequest, 'id'>, bytes: number) => Promise<object>;
}

export class Announcement {
  readonly #options: AnnouncementOptions;
  #made = false;

  constructor(options: AnnouncementOptions) {
    this.#options = options;
  }

  /** To be called while a leader is known, again and again. */
  make(): void {
    if (this.#made) return;
    this.#made = true;
    const { attributes, known, propose } = this.#options;
    const { name, clientUrls } = known() ?? {};
    if (name === attributes.name && JSON.stringify(clientUrls) === JSON.stringify(attributes.clientUrls))
      return;
    propose({ memberAttributes: attributes }, 200).catch(() => {
      this.#made = false;
    });
  }
}
