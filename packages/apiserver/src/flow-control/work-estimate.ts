/**
 * How wide a request is: the seats it takes while it is served and, for a write that many watch, for a moment after it.
 * As upstream: by the bytes that a list holds in memory at once, and by the number of watchers. Pure.
 */
export interface WorkEstimate {
  readonly initialSeats: number;
  readonly finalSeats: number;
  /** How long `finalSeats` are held after the answer, in milliseconds. */
  readonly additionalMs: number;
}

export interface ListShape {
  /** True for a watch that begins with everything there is. */
  readonly isWatch: boolean;
  readonly isSingle: boolean;
  readonly hasSelector: boolean;
  readonly limit: number;
  readonly match: string;
  readonly hasContinue: boolean;
}

export interface ResourceSize {
  readonly count: number;
  readonly bytes: number;
}

const bytesPerSeat = 100_000;
/** Lists from memory are streamed: they never hold more than this. */
const streamedBytes = 1_000_000;
const maxListSeats = 100;
const maxMutatingSeats = 10;
const watchesPerSeat = 10;
const eventMs = 5;
const maxShareOfLevel = 0.15;

export const oneSeat: WorkEstimate = { initialSeats: 1, finalSeats: 0, additionalMs: 0 };

export function maxSeatsOf({ initialSeats, finalSeats }: WorkEstimate): number {
  return Math.max(initialSeats, finalSeats);
}

/** Seats times milliseconds that a request is expected to take, when serving it takes `serviceMs`. */
export function workOf(estimate: WorkEstimate, serviceMs: number): number {
  return estimate.initialSeats * serviceMs + estimate.finalSeats * estimate.additionalMs;
}

/** The most seats that one request of a level may take. */
export function widestOf(levelSeats: number): number {
  return Math.max(1, Math.ceil(levelSeats * maxShareOfLevel));
}

export function estimateList(shape: ListShape, size: ResourceSize, widest: number): WorkEstimate {
  const limited = shape.limit > 0 ? Math.min(shape.limit, size.count) : size.count;
  const average = size.count === 0 ? 0 : size.bytes / size.count;
  const isFromStore = !shape.isWatch && (shape.match === 'Exact' || shape.hasContinue);
  let objects = limited;
  if (shape.isSingle) objects = 1;
  else if (isFromStore && shape.hasSelector) objects = Math.max(limited, size.count / 2);
  let bytes = objects * average;
  if (!isFromStore) bytes = Math.min(bytes, streamedBytes);
  const seats = Math.min(Math.ceil(bytes / bytesPerSeat), maxListSeats, widest);
  return { ...oneSeat, initialSeats: Math.max(1, seats) };
}

export function estimateWrite(watchers: number, widest: number): WorkEstimate {
  if (watchers < watchesPerSeat) return oneSeat;
  const wanted = Math.ceil(watchers / watchesPerSeat);
  const finalSeats = Math.max(1, Math.min(wanted, maxMutatingSeats, widest));
  // Fewer seats are held for longer, so that the work stays the same.
  return { initialSeats: 1, finalSeats, additionalMs: (eventMs * wanted) / finalSeats };
}
