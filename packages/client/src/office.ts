/**
 * What a component knows about the office: whether this host's master is the active one, under which token, and
 * until when that is proven. See "Office and fence" in `docs/architecture.md`.
 */

export interface OfficeState {
  readonly role: 'active' | 'passive';
  /** `EPOCH@HOLDER` of this host's own office while active; null while passive. */
  readonly token: string | null;
  readonly epoch: number | null;
  /** Store revision at which the office was taken; caches must have reached it before loops act. */
  readonly revision: number | null;
  /** CLOCK_BOOTTIME in milliseconds up to which the role `active` is proven by a quorum. */
  readonly leaseUntil: number;
  /** Who is active as far as this host knows. */
  readonly active: { readonly name: string; readonly address: string } | null;
}

export interface Office {
  readonly state: OfficeState;
  /** True while active and the lease is still proven by the clock. */
  holds(): boolean;
  onChange(listener: (state: OfficeState) => void): () => void;
  close(): void;
}
