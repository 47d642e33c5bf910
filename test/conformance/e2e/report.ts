/**
 * What upstream's suite says of a run: its JSON report, as Ginkgo writes it, read into one outcome per test. Pure: text
 * in, data out.
 */

export type State = 'passed' | 'failed' | 'skipped';

export interface Outcome {
  /** The whole name, from `[sig-…]` to `[Conformance]`. */
  readonly name: string;
  readonly state: State;
  readonly seconds: number;
  /** Why it failed or skipped itself, and where in upstream's source; empty when it passed. */
  readonly why: string;
}

export interface SuiteReport {
  readonly outcomes: readonly Outcome[];
  /** What went wrong outside of any test, such as before the first one. */
  readonly troubles: readonly string[];
}

interface GinkgoFailure {
  readonly Message?: string;
  readonly ForwardedPanic?: string;
  readonly Location?: { readonly FileName?: string; readonly LineNumber?: number };
}

interface GinkgoSpec {
  readonly ContainerHierarchyTexts?: readonly string[] | null;
  readonly LeafNodeType?: string;
  readonly LeafNodeText?: string;
  readonly State?: string;
  readonly RunTime?: number;
  readonly Failure?: GinkgoFailure;
}

interface GinkgoReport {
  readonly SpecReports?: readonly GinkgoSpec[] | null;
}

/** Tests that the focus left out are not in the result. `text` is the file of `-ginkgo.json-report`. */
export function readReport(text: string): SuiteReport {
  const outcomes: Outcome[] = [];
  const troubles: string[] = [];
  for (const { SpecReports } of JSON.parse(text) as readonly GinkgoReport[]) {
    for (const spec of SpecReports ?? []) {
      const state = stateOf(spec);
      if (state === undefined) continue;
      const name = [...(spec.ContainerHierarchyTexts ?? []), spec.LeafNodeText ?? ''].join(' ').trim();
      const why = state === 'passed' ? '' : reasonOf(spec.Failure);
      if (spec.LeafNodeType === 'It')
        outcomes.push({ name, state, seconds: Math.round((spec.RunTime ?? 0) / 1e8) / 10, why });
      else if (state === 'failed') troubles.push(`${spec.LeafNodeType ?? ''} ${name}: ${why}`);
    }
  }
  return { outcomes, troubles };
}

/** What ends with the whole suite has said nothing of itself. */
const cutShort = /^A suite timeout occurred/;

/** Undefined for a test that was not asked for, which is skipped without a word, and for one that was not let end. */
function stateOf({ State, Failure }: GinkgoSpec): State | undefined {
  if (State === 'passed') return 'passed';
  if (State === 'pending' || State === 'interrupted' || cutShort.test(Failure?.Message ?? ''))
    return undefined;
  if (State === 'skipped') return (Failure?.Message ?? '') === '' ? undefined : 'skipped';
  return 'failed';
}

function reasonOf(failure: GinkgoFailure | undefined): string {
  const text = [failure?.Message, failure?.ForwardedPanic].filter((part) => part).join(': ');
  // Below the root of upstream's sources, or of Go's own where a test panicked.
  const file = failure?.Location?.FileName?.replace(/^.*?(?=test\/)|^.*\/src\/(?=runtime\/)/, '') ?? '';
  return `${text.trim()}${file === '' ? '' : ` (${file}:${failure?.Location?.LineNumber})`}`;
}

export function sigOf(name: string): string {
  return /^\[sig-([\w-]+)\]/.exec(name)?.[1] ?? 'none';
}
