/**
 * What the verbs on clusters share: the check for root, and the flags that name the cluster.
 */
import { defineProgram, type FlagSet, type Program, type RunProgram, stringFlag } from '@timonier/component';
import { defaultDataDir } from '../cluster/settings.ts';

export interface VerbSpec<F extends FlagSet> extends Omit<Program<F>, 'call'> {
  readonly name: string;
  /** True when the verb changes or enters hosts, which only root may. */
  readonly needsRoot: boolean;
}

export const nameFlag = stringFlag('default', 'name of the cluster', { env: 'TIMONIER_CLUSTER' });

/** The flags that say which running cluster is meant. */
export const clusterFlags = {
  name: nameFlag,
  'data-dir': stringFlag('', 'its data directory, as given to up', { placeholder: defaultDataDir('NAME') }),
};

export function defineVerb<F extends FlagSet>({ name, needsRoot, ...spec }: VerbSpec<F>): RunProgram {
  return defineProgram({
    ...spec,
    call: `timonier ${name}`,
    run: async (given) => {
      if (needsRoot && process.getuid?.() !== 0)
        throw new Error(`only root may do this; try: sudo timonier ${process.argv.slice(2).join(' ')}`);
      return spec.run(given);
    },
  });
}
