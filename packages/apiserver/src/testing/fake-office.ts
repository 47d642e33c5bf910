/** For tests: an office that they set by hand, and what it says while somebody holds it. */
import type { Office, OfficeState } from '@timonier/client/office';

/** An office that a test sets by hand. */
export class FakeOffice implements Office {
  state: OfficeState;
  readonly #listeners = new Set<(state: OfficeState) => void>();

  constructor(state: OfficeState) {
    this.state = state;
  }

  holds(): boolean {
    return this.state.role === 'active';
  }

  onChange(listener: (state: OfficeState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  set(state: OfficeState): void {
    this.state = state;
    for (const listener of this.#listeners) listener(state);
  }

  close(): void {
    this.#listeners.clear();
  }
}

export function activeAs(token: string): OfficeState {
  const [epoch = '0', name = ''] = token.split('@');
  return {
    role: 'active',
    token,
    epoch: Number(epoch),
    revision: 1,
    leaseUntil: 0,
    active: { name, address: '127.0.0.1' },
  };
}
