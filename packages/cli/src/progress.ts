/**
 * How a person follows a long command: steps that update in place on a terminal (listr2), one plain line per
 * finished step everywhere else.
 */
import { Listr, ListrDefaultRendererLogLevels } from 'listr2';
import type { Progress } from './cluster/start.ts';

export interface ProgressView {
  readonly progress: Progress;
  /** To be called before anything else is printed. */
  finish(): Promise<void>;
}

export function progressFor(stream: NodeJS.WriteStream): ProgressView {
  return stream.isTTY && process.env['TERM'] !== 'dumb' ? live() : plain((line) => stream.write(`${line}\n`));
}

/** One line per finished step: its title, what came out and how long it took. */
export function plain(print: (line: string) => void): ProgressView {
  return {
    progress: async (title, work) => {
      const began = Date.now();
      let last = '';
      await work((text) => (last = text));
      print(`${title}${last === '' ? '' : `: ${last}`} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
    },
    finish: async () => undefined,
  };
}

function live(): ProgressView {
  const running = new Set<Promise<unknown>>();
  return {
    progress: async (title, work) => {
      // Each step is a list of its own: what comes next is known only when the step before has ended.
      let failure: Error | undefined;
      const began = Date.now();
      const list = new Listr(
        [
          {
            title,
            task: async (_context: unknown, task) => {
              await work((text) => (task.title = `${title}: ${text}`));
              task.title = `${task.title} \u001B[2m${((Date.now() - began) / 1000).toFixed(1)} s\u001B[22m`;
            },
          },
        ],
        {
          exitOnError: false,
          registerSignalListeners: false,
          rendererOptions: { icon: { [ListrDefaultRendererLogLevels.FAILED]: '✖' }, showErrorMessage: false },
        },
      );
      const run = list.run().then(() => {
        failure = list.errors?.[0];
      });
      running.add(run);
      await run;
      running.delete(run);
      if (failure !== undefined) throw failure;
    },
    finish: async () => {
      await Promise.allSettled(running);
    },
  };
}
