/**
 * How a person follows a long command: steps that update in place on a terminal (listr2), one plain line per
 * finished step everywhere else.
 */
import { Listr } from 'listr2';

export interface Step {
  readonly title: string;
  /** `detail` says how far the step is, or what came out. */
  readonly work: (detail: (text: string) => void) => Promise<void>;
}

/** Runs steps at the same time and shows them; rejects with the first failure once all have ended. */
export type Progress = (...steps: readonly Step[]) => Promise<void>;

export function progressFor(stream: NodeJS.WriteStream): Progress {
  const canUpdate = stream.isTTY && stream.columns > 20 && process.env['TERM'] !== 'dumb';
  return canUpdate ? live : plain((line) => stream.write(`${line}\n`));
}

/** One line per finished step: its title, what came out and how long it took. */
export function plain(print: (line: string) => void): Progress {
  return async (...steps) => {
    const ends = await Promise.allSettled(
      steps.map(async ({ title, work }) => {
        const began = Date.now();
        let last = '';
        await work((text) => (last = text));
        print(`${titleWith(title, last)} (${seconds(began)})`);
      }),
    );
    throwFirst(ends);
  };
}

async function live(...steps: readonly Step[]): Promise<void> {
  const ends: PromiseSettledResult<void>[] = [];
  const list = new Listr(
    steps.map(({ title, work }) => ({
      title,
      task: async (_context: unknown, task: { title: string }) => {
        const began = Date.now();
        let last = '';
        const running = work((text) => {
          last = text;
          task.title = titleWith(title, text);
        });
        const [end] = await Promise.allSettled([running]);
        ends.push(end);
        task.title = `${titleWith(title, last)} (${seconds(began)})`;
        if (end.status === 'rejected') throw end.reason;
      },
    })),
    // Errors are ours to report, once, at the end; so are signals.
    {
      concurrent: true,
      exitOnError: false,
      registerSignalListeners: false,
      rendererOptions: { showErrorMessage: false },
    },
  );
  await list.run();
  throwFirst(ends);
}

function throwFirst(ends: readonly PromiseSettledResult<void>[]): void {
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

function titleWith(title: string, detail: string): string {
  return detail === '' ? title : `${title}: ${detail}`;
}

function seconds(began: number): string {
  return `${((Date.now() - began) / 1000).toFixed(1)} s`;
}
