/**
 * `timonier`: finds the subcommand and loads only what it needs, so that each component's process carries no other
 * component's code.
 */
import { enableCompileCache, flushCompileCache } from 'node:module';
import { unknownName } from '@timonier/component';
import { commands, findCommand, generalHelp } from './commands.ts';

// Honours NODE_COMPILE_CACHE, and otherwise keeps compiled code in the temporary folder; saves a third of the start.
enableCompileCache();
// A component may be killed before it could keep what it compiled.
setTimeout(flushCompileCache, 8_000).unref();

// Whoever reads the output may have seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await main(process.argv.slice(2));
// A component that has shut down is over, even when something of it (a thread, a socket) forgot to let go.
setTimeout(() => process.exit(), 1_000).unref();

async function main(argv: readonly string[]): Promise<number> {
  const [name = '', ...rest] = argv;
  if (name === '' || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(generalHelp());
    return name === '' ? 2 : 0;
  }
  const command = findCommand(name);
  if (command === undefined) {
    const known = commands.map((one) => one.name);
    process.stderr.write(
      `timonier: ${unknownName('command', name, known, "'timonier --help' lists them")}\n`,
    );
    return 2;
  }
  try {
    return await command.run(rest);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`timonier ${name}: ${message}\n`);
    if (process.env['TIMONIER_TRACE'] !== undefined && error instanceof Error) {
      process.stderr.write(`${error.stack ?? ''}\n`);
    }
    return 1;
  }
}
