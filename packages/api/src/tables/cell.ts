/** What the cells of every kind's rows are made from. */
import { humanDuration, parseTime } from '../time.ts';

export type Cell = string | number | boolean;

/** The cells of a row by column name. `now` is in milliseconds since 1970. */
export type RowPrinter<T> = (object: T, now: number) => Readonly<Record<string, Cell>>;

export const NONE = '<none>';
export const UNKNOWN = '<unknown>';
export const UNSET = '<unset>';

/** How long ago a time was, as `5m`. */
export function since(time: string | undefined | null, now: number): string {
  const instant = time ? parseTime(time) : undefined;
  return instant === undefined ? UNKNOWN : humanDuration(now - instant.seconds * 1000 - instant.nanos / 1e6);
}

/** The text, or `<none>` for nothing. */
export function orNone(text: string | undefined): string {
  return text === undefined || text === '' ? NONE : text;
}

/** `a=1,b=2`, or `<none>`. */
export function formatLabels(labels: Readonly<Record<string, string>> | undefined): string {
  return orNone(
    Object.keys(labels ?? {})
      .sort()
      .map((key) => `${key}=${labels?.[key]}`)
      .join(','),
  );
}

/** The first few, and how many more there are. */
export function atMost(items: readonly string[], max: number): string {
  if (items.length === 0) return UNSET;
  const shown = items.slice(0, max).join(',');
  return items.length > max ? `${shown} + ${items.length - max} more...` : shown;
}
