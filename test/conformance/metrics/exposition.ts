/** Prometheus' text form read back: families by name, each with its type, labels and samples. */
export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  /** That of the family, or with `_bucket`, `_sum` or `_count`. */
  readonly name: string;
  readonly labels: Labels;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly type: string;
  readonly samples: Sample[];
}

export type Exposition = ReadonlyMap<string, Family>;

const parts = /_(bucket|sum|count)$/;
const line = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+\S+)?$/;
const label = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** Throws on a line that is none of Prometheus'. */
export function parseExposition(text: string): Exposition {
  const families = new Map<string, Family>();
  for (const raw of text.split('\n')) {
    const [, declared, type = ''] = /^# TYPE (\S+) (\S+)/.exec(raw) ?? [];
    if (declared !== undefined) families.set(declared, { name: declared, type, samples: [] });
    if (raw === '' || raw.startsWith('#')) continue;
    const [, name = '', labels = '', value = ''] = line.exec(raw) ?? [];
    if (name === '') throw new Error(`no line of an exposition: ${raw}`);
    familyOf(families, name).samples.push({ name, labels: readLabels(labels), value: numberOf(value) });
  }
  return families;
}

function familyOf(families: Map<string, Family>, name: string): Family {
  const whole = families.get(name) ?? families.get(name.replace(parts, ''));
  if (whole !== undefined) return whole;
  const made: Family = { name, type: 'untyped', samples: [] };
  families.set(name, made);
  return made;
}

function readLabels(text: string): Labels {
  const labels: Record<string, string> = {};
  for (const [, name = '', value = ''] of text.matchAll(label))
    labels[name] = value.replace(/\\(.)/g, (_whole, escaped: string) => (escaped === 'n' ? '\n' : escaped));
  return labels;
}

function numberOf(text: string): number {
  if (text === '+Inf') return Infinity;
  if (text === '-Inf') return -Infinity;
  return Number(text);
}

/** Names of the labels that any sample has; `le` and `quantile` belong to the type. */
export function labelNames({ samples }: Family): string[] {
  const names = new Set(samples.flatMap(({ labels }) => Object.keys(labels)));
  names.delete('le');
  names.delete('quantile');
  return [...names].sort();
}

export function valuesOf({ samples }: Family, name: string): string[] {
  return [
    ...new Set(samples.flatMap(({ labels }) => (labels[name] === undefined ? [] : [labels[name]]))),
  ].sort();
}

/** Upper bounds of a histogram, ascending. */
export function boundsOf(family: Family): number[] {
  return valuesOf(family, 'le')
    .map(numberOf)
    .sort((a, b) => a - b);
}
