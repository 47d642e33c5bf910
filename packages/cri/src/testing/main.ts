/** Runs the runtime as a process of its own, for tests that restart and kill it. */
import { runComponent } from '@timonier/component';
import { command } from '../command.ts';

process.exitCode = await runComponent(command, process.argv.slice(2));
