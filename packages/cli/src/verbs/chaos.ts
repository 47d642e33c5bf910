/**
 * `timonier chaos ACTION HOST`: failure on purpose, on the local cluster only.
 */
import { UsageError } from '@timonier/component';
import { openCluster } from '../cluster/local-cluster.ts';
import { unknownCommand } from '../commands.ts';
import type { Host } from '../hosts/host.ts';
import { defineVerb, clusterFlags, positionalAt } from './verb.ts';

const actions: Readonly<
  Record<string, { readonly does: string; readonly run: (host: Host) => Promise<void> }>
> = {
  kill: { does: 'PID 1 of the host dies, and everything in it', run: (host) => host.kill() },
  poweroff: {
    does: 'the link goes down first, then everything dies: a silent loss',
    run: (host) => host.powerOff(),
  },
  stop: {
    does: 'every process of the host freezes',
    run: async (host) => host.freeze(true),
  },
  resume: {
    does: 'a frozen host goes on',
    run: async (host) => host.freeze(false),
  },
  restart: {
    does: 'the host is switched off if it runs, and on again',
    run: async (host) => {
      if (host.init() !== undefined) await host.stop(5_000);
      await host.cut(false);
      (await host.start()).unref();
    },
  },
  cut: { does: 'the network silently drops everything from and to the host', run: (host) => host.cut(true) },
  heal: { does: 'the network works again', run: (host) => host.cut(false) },
};

const usage = `chaos ${Object.keys(actions).join('|')} HOST`;

export const chaos = defineVerb({
  name: 'chaos',
  usage,
  summary: `plays with failure.\n${Object.entries(actions)
    .map(([name, { does }]) => `  ${name.padEnd(10)}${does}`)
    .join('\n')}`,
  examples: ['timonier chaos kill master-1', 'timonier chaos cut worker-2 && timonier chaos heal worker-2'],
  flags: clusterFlags,
  maxArguments: 2,
  needsRoot: true,
  run: async ({ flags, positional }) => {
    const name = positionalAt(positional, 0, usage);
    const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
    if (action === undefined) {
      const known = Object.keys(actions).map((known) => ({ name: known }));
      throw new UsageError(unknownCommand(name, known).replace('command', 'action'));
    }
    await action.run(openCluster(flags).host(positionalAt(positional, 1, usage)));
    return 0;
  },
});
