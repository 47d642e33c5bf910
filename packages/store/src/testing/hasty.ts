/** A member that writes down what is left of leases every 300 milliseconds, if told to, instead of every 300 seconds. */
import { runComponent } from '@timonier/component';
import { commandOn } from '../command.ts';
import { machine } from '../platform.ts';

process.exitCode = await runComponent(
  commandOn({ ...machine, leaseCheckpointMs: 300 }),
  process.argv.slice(2),
);
