/**
 * `timonier chaos ACTION HOST`: failure on purpose, on the local cluster only.
 */
import { openCluster } from '../cluster/local-cluster.ts';
import type { Host } from '../hosts/host.ts';
import { defineVerb, clusterFlags } from './verb.ts';

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

export const chaos = defineVerb({
  name: 'chaos',
  usage: 'ACTION HOST',
  summary: 'plays with failure',
  examples: ['timonier chaos kill master-1', 'timonier chaos cut worker-2 && timonier chaos heal worker-2'],
  flags: clusterFlags,
  choice: {
    what: 'action',
    known: Object.fromEntries(Object.entries(actions).map(([name, { does }]) => [name, does])),
  },
  maxArguments: 2,
  needsRoot: true,
  run: async ({ flags, argument }) => {
    await actions[argument(0)]?.run(openCluster(flags).host(argument(1)));
    return 0;
  },
});
