/** Which etcd is measured beside: Debian's, or the one that `npm run peers` builds. */
import { mustRun } from '../../test/acceptance/command.ts';
import { etcd as debian, type Program } from '../../test/conformance/store/members.ts';
import { peer } from '../../test/peers/peer.ts';

export interface EtcdProgram {
  readonly program: Program;
  /** As it says itself, without a `v`. */
  readonly version: () => Promise<string>;
}

function of(program: Program): EtcdProgram {
  return {
    program,
    version: async () => {
      const text = await mustRun(program.file, ['--version']);
      const version = /etcd Version: (\S+)/.exec(text)?.[1];
      if (version === undefined) throw new Error(`${program.file} gives no version but ${text}`);
      return version;
    },
  };
}

function built(): EtcdProgram | { readonly missing: string } {
  const found = peer('etcd');
  return 'missing' in found ? found : of({ ...debian, file: found.file });
}

/** What `--etcd` may name. */
export const etcdNames = ['debian', 'built'] as const;
export type EtcdName = (typeof etcdNames)[number];

/** Throws, with what to do, when the one that is named is not here. */
export function etcdNamed(name: EtcdName): EtcdProgram {
  if (name === 'debian') return of(debian);
  const found = built();
  if ('missing' in found) throw new Error(found.missing);
  return found;
}

/** The one that was built, else Debian's. */
export function newestEtcd(): EtcdProgram {
  const found = built();
  return 'missing' in found ? of(debian) : found;
}
