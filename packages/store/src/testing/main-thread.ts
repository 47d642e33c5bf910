/**
 * A member whose main thread writes the log however busy the machine is: a sync counts as quick unless the disk stalls.
 * Otherwise a loaded machine looks like a slow disk, and the log's own thread would write.
 */
import { runComponent } from '@timonier/component';
import { commandOn } from '../command.ts';
import type { StartLogThread } from '../log-thread.ts';
import { machine } from '../platform.ts';

const stallMs = 1_500;

const startThread: StartLogThread = (files, events) => {
  const { log } = machine.storage(files.folder);
  return log.startThread(files, {
    ...events,
    onAnswer: (answer) =>
      events.onAnswer(
        answer.type === 'durable' && answer.syncMs < stallMs ? { ...answer, syncMs: 0.1 } : answer,
      ),
  });
};

process.exitCode = await runComponent(
  commandOn({
    ...machine,
    storage: (dataDir) => {
      const usual = machine.storage(dataDir);
      return {
        ...usual,
        log: { ...usual.log, startThread, place: { place: 'main thread', debtMs: 0, fineMs: 100 } },
      };
    },
  }),
  process.argv.slice(2),
);
