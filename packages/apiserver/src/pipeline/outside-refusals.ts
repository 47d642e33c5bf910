/**
 * Refusals of programs outside of the server. What was computed from the watch cache is computed again from the store
 * before a failure is believed; who was asked outside is asked again only when the store knows another state.
 */
const refusals = new WeakSet<Error>();

/** Returns what it is given. */
export function outsideRefusal<E extends Error>(error: E): E {
  refusals.add(error);
  return error;
}

export function isOutsideRefusal(error: unknown): boolean {
  return error instanceof Error && refusals.has(error);
}
