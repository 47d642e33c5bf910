/**
 * Who keeps what the cluster must have: of all API server processes exactly one, on the active master. Its writes are
 * fenced like everybody's, so that two who believe it for a moment do no harm; the duty is there to spare the others
 * the same work.
 */
import type { Office } from '@timonier/client/office';

export interface Duty {
  /** True while this process is the one. */
  holds(): boolean;
  /** Called when that may have changed. Returns how to stop listening. */
  onChange(listener: () => void): () => void;
}

/** Which of the processes of one master is the one; a process that is alone always is. */
export class Appointment {
  #isOurs: boolean;
  readonly #listeners = new Set<() => void>();

  constructor(isOurs: boolean) {
    this.#isOurs = isOurs;
  }

  get isOurs(): boolean {
    return this.#isOurs;
  }

  set(isOurs: boolean): void {
    if (isOurs === this.#isOurs) return;
    this.#isOurs = isOurs;
    for (const listener of this.#listeners) listener();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** Without an office nobody else is active. */
export function dutyOf(office: Office | undefined, appointment: Appointment): Duty {
  return {
    holds: () => appointment.isOurs && (office?.holds() ?? true),
    onChange: (listener) => {
      const off = [office?.onChange(() => listener()), appointment.onChange(listener)];
      return () => {
        for (const stop of off) stop?.();
      };
    },
  };
}
