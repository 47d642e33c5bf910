/**
 * What a person at a terminal typed and saw, as text that is both the script and the expectation:
 *
 *     # Free text. A line "# needs: nodes" says that the commands need a whole cluster.
 *     $ kubectl get configmap settings -o name
 *       | configmap/settings
 *     $ kubectl auth whoami -o name
 *       ! error: …
 *       ? 1
 *       @ 1.20
 *       ! Error: unknown command "whoami" …
 *       ? 1
 *
 * `$` begins a command for bash, `>` goes on with it; `$~` is repeated until it prints what is expected. `|` is a line of
 * standard output, `!` one of standard error, `?` the exit code unless it is 0, and what follows `@` is expected
 * instead from the releases named there.
 *
 * Invariant: a text that `formatTranscript` wrote is parsed to what it was written from.
 */

export interface Printed {
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  readonly code: number;
}

export interface Step {
  /** Comment and blank lines in front of the command. */
  readonly before: readonly string[];
  /** One or more lines for bash. */
  readonly command: string;
  /** Whether others work on what it shows, so that it is asked again. */
  readonly eventually: boolean;
  readonly expected: Printed;
  /** What some releases print instead. */
  readonly instead: readonly { readonly releases: readonly string[]; readonly expected: Printed }[];
}

export interface Transcript {
  readonly steps: readonly Step[];
  readonly needsNodes: boolean;
  /** Comments behind the last step. */
  readonly after: readonly string[];
}

interface Draft {
  stdout: string[];
  stderr: string[];
  code: number;
}

const nothing = (): Draft => ({ stdout: [], stderr: [], code: 0 });

/** Throws with the number of the line that is neither. */
export function parseTranscript(text: string): Transcript {
  const steps: (Omit<Step, 'instead'> & { instead: { releases: string[]; expected: Draft }[] })[] = [];
  let between: string[] = [];
  let command: string[] = [];
  let draft = nothing();
  for (const [i, line] of text.replace(/\n$/, '').split('\n').entries()) {
    const begin = /^\$(~?) (.*)$/.exec(line);
    const output = /^ {2}([|!?@])(?: (.*))?$/.exec(line);
    if (begin !== null) {
      command = [begin[2] ?? ''];
      draft = nothing();
      steps.push({
        before: between,
        command: command.join(''),
        eventually: begin[1] === '~',
        expected: draft,
        instead: [],
      });
      between = [];
    } else if (/^>( |$)/.test(line) && steps.length > 0 && between.length === 0) {
      command.push(line.slice(2));
      steps[steps.length - 1] = { ...steps[steps.length - 1]!, command: command.join('\n') };
    } else if (output !== null && steps.length > 0 && between.length === 0) {
      const [, kind, rest = ''] = output;
      if (kind === '|') draft.stdout.push(rest);
      else if (kind === '!') draft.stderr.push(rest);
      else if (kind === '?') draft.code = Number(rest);
      else {
        draft = nothing();
        steps[steps.length - 1]?.instead.push({ releases: rest.split(' '), expected: draft });
      }
    } else if (line === '' || line.startsWith('#')) between.push(line);
    else throw new Error(`line ${i + 1} is neither a command, nor output, nor a comment: ${line}`);
  }
  return { steps, needsNodes: /^# needs: nodes$/m.test(text), after: between };
}

export function formatTranscript({ steps, after }: Pick<Transcript, 'steps' | 'after'>): string {
  const lines: string[] = [];
  for (const step of steps) {
    lines.push(...step.before);
    const [first = '', ...others] = step.command.split('\n');
    lines.push(`$${step.eventually ? '~' : ''} ${first}`, ...others.map((line) => `> ${line}`.trimEnd()));
    lines.push(...block(step.expected));
    for (const { releases, expected } of step.instead)
      lines.push(`  @ ${releases.join(' ')}`, ...block(expected));
  }
  return `${[...lines, ...after].join('\n')}\n`;
}

function block({ stdout, stderr, code }: Printed): readonly string[] {
  return [
    ...stdout.map((line) => `  | ${line}`.trimEnd()),
    ...stderr.map((line) => `  ! ${line}`.trimEnd()),
    ...(code === 0 ? [] : [`  ? ${code}`]),
  ];
}

/** What a release should print. */
export function expectedOf(step: Step, release: string): Printed {
  return step.instead.find(({ releases }) => releases.includes(release))?.expected ?? step.expected;
}

/** The step with what a release printed as its expectation; `whole` says that it stands for all releases. */
export function withPrinted(step: Step, release: string, printed: Printed, whole: boolean): Step {
  if (whole) return { ...step, expected: printed, instead: [] };
  const others = step.instead
    .map(({ releases, expected }) => ({ releases: releases.filter((one) => one !== release), expected }))
    .filter(({ releases }) => releases.length > 0);
  if (samePrinted(step.expected, printed)) return { ...step, instead: others };
  const alike = others.find(({ expected }) => samePrinted(expected, printed));
  const instead =
    alike === undefined
      ? [...others, { releases: [release], expected: printed }]
      : others.map((one) => (one === alike ? { ...one, releases: [...one.releases, release].sort() } : one));
  return { ...step, instead };
}

export function samePrinted(a: Printed, b: Printed): boolean {
  return block(a).join('\n') === block(b).join('\n');
}

/** What differs, in lines that begin with `-` where they were expected and `+` where they came; undefined when nothing does. */
export function difference(expected: Printed, printed: Printed): string | undefined {
  if (samePrinted(expected, printed)) return undefined;
  const [was, is] = [block(expected), block(printed)];
  let start = 0;
  while (start < was.length && was[start] === is[start]) start++;
  let end = 0;
  while (end < Math.min(was.length, is.length) - start && was.at(-1 - end) === is.at(-1 - end)) end++;
  return [
    ...was.slice(Math.max(0, start - 2), start).map((line) => `  ${line}`),
    ...was.slice(start, was.length - end).map((line) => `- ${line}`),
    ...is.slice(start, is.length - end).map((line) => `+ ${line}`),
  ].join('\n');
}
