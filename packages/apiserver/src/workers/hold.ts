/** Several API server processes behind shared ports, from what the command line says. */
import { countedSink } from '../audit/counted-sink.ts';
import { auditFile } from '../audit/flags.ts';
import type { ApiServerContext } from '../command.ts';
import { Holder } from './holder.ts';

/** Resolves when the first worker has started, or could not. */
export async function holdWorkers({
  flags: values,
  log,
  metrics,
  health,
  shutdown,
  expose,
}: ApiServerContext): Promise<void> {
  const audit = auditFile(values);
  const holder = new Holder({
    workers: values.workers,
    // The operations endpoint is this process's own.
    argv: [...process.argv.slice(2), '--ops-address='],
    bindAddress: values['bind-address'],
    securePort: values['secure-port'],
    internalPort: values['internal-port'] === 0 ? undefined : values['internal-port'],
    privateSocket: values['private-socket'],
    auditLog: audit && countedSink(audit, metrics, log),
    log,
    metrics,
    health,
    onHopeless: (code) => {
      process.exitCode = code;
      void shutdown.begin('a worker could not start');
    },
  });
  expose(holder.exposition);
  shutdown.add('workers', () => holder.stop());
  const port = await holder.start();
  if (port !== undefined) log.info({ port, workers: values.workers }, 'serving');
}
