/**
 * What upstream's programs complain about in their logs, with what differs from run to run taken out, so that the same
 * complaint is counted once.
 *
 * Pure: text in, complaints out.
 */

export interface Complaint {
  /** `E`, `F` or `W`, as klog has it; `P` for a panic. */
  readonly level: 'E' | 'W' | 'F' | 'P';
  /** Without times, uids, versions, addresses and names that the server made. */
  readonly text: string;
  readonly count: number;
  /** One line as it was written. */
  readonly example: string;
}

const head = /^([EWFI])\d{4} [\d:.]+ +\d+ ([\w.-]+:\d+)\] (.*)$/;

const replacements: readonly (readonly [RegExp, string])[] = [
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<uid>'],
  [/\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[\d.]*( ?[+-]\d{4} \w+)?(Z)?( m=\S+)?/g, '<time>'],
  [/\b(?:\d{1,3}\.){3}\d{1,3}(:\d+)?\b/g, '<address>'],
  [/-[bcdfghjklmnpqrstvwxz2456789]{6,10}-[bcdfghjklmnpqrstvwxz2456789]{5}\b/g, '-<hash>-<random>'],
  [/-[bcdfghjklmnpqrstvwxz2456789]{5,10}\b/g, '-<random>'],
  [/\b(resourceVersion|version|generation)([=: ]+)"?\d+"?/gi, '$1$2<n>'],
  [/\b\d+(\.\d+)?(ms|µs|s)\b/g, '<duration>'],
  [/\b\d{6,}\b/g, '<n>'],
];

/** Complaints of one program, most frequent first. Warnings count with `withWarnings` only. */
export function complaintsIn(log: string, withWarnings = false): readonly Complaint[] {
  const found = new Map<string, { level: Complaint['level']; count: number; example: string }>();
  const note = (level: Complaint['level'], text: string, example: string): void => {
    const entry = found.get(text) ?? { level, count: 0, example };
    entry.count++;
    found.set(text, entry);
  };
  for (const line of log.split('\n')) {
    const [, level = '', place = '', message = ''] = head.exec(line) ?? [];
    if (level === 'E' || level === 'F' || (level === 'W' && withWarnings))
      note(level, `${place} ${withoutChance(message)}`, line);
    else if (/^panic: |^fatal error: /.test(line)) note('P', line, line);
  }
  return [...found.entries()].map(([text, entry]) => ({ ...entry, text })).sort((a, b) => b.count - a.count);
}

function withoutChance(text: string): string {
  for (const [pattern, name] of replacements) text = text.replace(pattern, name);
  return text;
}
