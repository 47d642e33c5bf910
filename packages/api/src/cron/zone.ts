/** Time zones of the runtime's own table: how far the clocks of one are from UTC, and when. */

export interface Zone {
  readonly name: string;
  /** What the clocks there are ahead of UTC at an instant, in milliseconds. */
  readonly offsetAt: (ms: number) => number;
}

export const utc: Zone = { name: 'UTC', offsetAt: () => 0 };

/** Never more than there are names of zones. */
const known = new Map<string, Zone>([['UTC', utc]]);

/** Undefined when there is no such zone. Names are as the table writes them: `europe/berlin` is none. */
export function zoneOf(name: string): Zone | undefined {
  const zone = known.get(name) ?? readZone(name);
  if (zone !== undefined) known.set(name, zone);
  return zone;
}

/** The zone of the clocks of this process. */
export function localZone(): Zone {
  return zoneOf(new Intl.DateTimeFormat('en').resolvedOptions().timeZone) ?? utc;
}

function readZone(name: string): Zone | undefined {
  // The runtime takes differences to UTC, too, which are no names.
  if (!/^[A-Za-z]/.test(name)) return undefined;
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    return undefined;
  }
  const { timeZone } = format.resolvedOptions();
  if (timeZone !== name && timeZone.toLowerCase() === name.toLowerCase()) return undefined;
  return {
    name,
    offsetAt: (ms) => {
      const whole = Math.floor(ms / 1_000) * 1_000;
      const [, month, day, year, hour, minute, second] =
        /^(\d+)\/(\d+)\/(\d+), (\d+):(\d+):(\d+)$/.exec(format.format(whole)) ?? [];
      const wall = Date.UTC(
        Number(year),
        Number(month) - 1,
        Number(day),
        Number(hour),
        Number(minute),
        Number(second),
      );
      return wall - whole;
    },
  };
}
