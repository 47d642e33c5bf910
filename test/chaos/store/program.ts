/** What runs on the members: this project's store, from its sources, or Debian's etcd, which keeps the checker honest. */
import { fileURLToPath } from 'node:url';

const cli = fileURLToPath(new URL('../../../packages/cli/src/main.ts', import.meta.url));

export interface Program {
  readonly name: 'timonier' | 'etcd';
  readonly command: readonly [file: string, ...args: string[]];
  /** Flags that the two do not share. */
  readonly flags: readonly string[];
}

export const programs: Readonly<Record<Program['name'], Program>> = {
  timonier: {
    name: 'timonier',
    command: [process.execPath, cli, 'store'],
    flags: ['--ops-address=', '--auto-disarm=true'],
  },
  etcd: { name: 'etcd', command: ['etcd'], flags: ['--log-level=warn', '--logger=zap'] },
};
