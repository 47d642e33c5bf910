/** Runs the subcommand by itself, without the rest of `timonier`. Nothing ends the process but its own tidiness. */
import { runComponent } from '@timonier/component';
import { command } from '../command.ts';

process.exitCode = await runComponent(command, process.argv.slice(2));
