/** Runs the subcommand by itself, without the rest of `timonier`. */
import { runComponent } from '@timonier/component';
import { command } from '../command.ts';

process.exit(await runComponent(command, process.argv.slice(2)));
