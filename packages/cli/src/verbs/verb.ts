/**
 * What the verbs on clusters share: flags with help and examples, the check for root, and the flag that names the
 * cluster.
 */
import {
  describeFlags,
  type FlagSet,
  type FlagValues,
  parseArguments,
  stringFlag,
  UsageError,
} from '@timonier/component';
import { defaultDataDir } from '../cluster/settings.ts';

export interface VerbSpec<F extends FlagSet> {
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
  readonly examples: readonly string[];
  readonly flags: F;
  /** How many arguments that are not flags it takes at most; none by default. */
  readonly maxArguments?: number;
  /** True when the verb changes or enters hosts, which only root may. */
  readonly needsRoot: boolean;
  readonly run: (call: {
    readonly flags: FlagValues<F>;
    readonly given: ReadonlySet<string>;
    readonly positional: readonly string[];
  }) => Promise<number>;
}

export const nameFlag = stringFlag('default', 'name of the cluster', { env: 'TIMONIER_CLUSTER' });

/** The flags that say which running cluster is meant. */
export const clusterFlags = {
  name: nameFlag,
  'data-dir': stringFlag('', 'its data directory, as given to up', { placeholder: defaultDataDir('NAME') }),
};

export type Verb = (argv: readonly string[]) => Promise<number>;

export function defineVerb<F extends FlagSet>(spec: VerbSpec<F>): Verb {
  return async (argv) => {
    const end = argv.indexOf('--');
    const own = end < 0 ? argv : argv.slice(0, end);
    if (own.includes('--help') || own.includes('-h')) {
      process.stdout.write(helpText(spec));
      return 0;
    }
    const parsed = parseArguments(spec.flags, argv, process.env);
    const extra = parsed.positional[spec.maxArguments ?? 0];
    if (extra !== undefined)
      throw new UsageError(`unexpected argument "${extra}"; usage: timonier ${spec.usage}`);
    if (spec.needsRoot && process.getuid?.() !== 0) {
      throw new Error(`only root may do this; try: sudo timonier ${[spec.name, ...argv].join(' ')}`);
    }
    return spec.run(parsed);
  };
}

/** The positional argument at `index`. Throws a UsageError that shows the usage when it is missing. */
export function positionalAt(positional: readonly string[], index: number, usage: string): string {
  const value = positional[index];
  if (value === undefined) throw new UsageError(`usage: timonier ${usage}`);
  return value;
}

function helpText<F extends FlagSet>(spec: VerbSpec<F>): string {
  const examples = spec.examples.map((example) => `  ${example}`).join('\n');
  return `timonier ${spec.name}: ${spec.summary}

Usage:
  timonier ${spec.usage}

Examples:
${examples}

Flags:
${describeFlags(spec.flags)}
`;
}
