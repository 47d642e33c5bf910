/**
 * A component is one subcommand of `timonier` and one process: a name, flags and a function that runs until its
 * shutdown signal fires. This module turns an argument vector into a running component with a logger, metrics,
 * health checks and orderly shutdown, the same way for all of them.
 *
 * Exit codes: 0 after an orderly shutdown, 1 when the component failed, 2 when the command line is wrong.
 */
import { pino, type Logger } from 'pino';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { exposeBuild } from './build-info.ts';
import { type FlagSet, type FlagValues, parseArguments, stringFlag, UsageError } from './flags.ts';
import { Health } from './health.ts';
import { pacedExposition } from './paced-exposition.ts';
import { asksForHelp, describeProgram, exitCodes, refused } from './program.ts';
import { type Exposition, type OpsPage, splitHostPort, startOpsServer } from './ops-server.ts';
import { Shutdown } from './shutdown.ts';

export interface ComponentContext<F extends FlagSet> {
  readonly flags: FlagValues<F>;
  /** Names of the flags that were given, as opposed to defaulted. */
  readonly given: ReadonlySet<string>;
  readonly positional: readonly string[];
  readonly log: Logger;
  readonly metrics: Registry;
  readonly health: Health;
  /** Lets `/metrics` show something else than `metrics`. */
  readonly expose: (exposition: Exposition) => void;
  /** Pages by path that the operations endpoint serves besides its own. */
  readonly opsPages: Map<string, OpsPage>;
  readonly shutdown: Shutdown;
}

export interface Component<F extends FlagSet = FlagSet> {
  readonly name: string;
  /** One line for `timonier --help`. */
  readonly summary: string;
  readonly examples: readonly string[];
  readonly flags: F;
  /** The arguments that it takes besides flags, such as `FILE`; those of a component without are refused. */
  readonly usage?: string;
  /** `host:port` of /metrics, /livez and /readyz by default; `''` when the component serves them itself. */
  readonly opsAddress: string;
  /** Puts other arguments and variables in the place of those given, such as a configuration file's. Throws a `UsageError`. */
  readonly arrange?: (
    argv: readonly string[],
    env: Readonly<Record<string, string | undefined>>,
  ) => { readonly argv: readonly string[]; readonly env: Readonly<Record<string, string | undefined>> };
  /** Resolves when the component has started; it then runs until `shutdown.signal` fires. Rejects when it cannot start. */
  readonly run: (context: ComponentContext<F>) => Promise<void>;
}

/** Types a component's `run` from its flags. */
export function defineComponent<F extends FlagSet>(component: Component<F>): Component<F> {
  return component;
}

export const commonFlags = {
  'log-level': stringFlag('info', 'trace, debug, info, warn, error or fatal', { env: 'TIMONIER_LOG_LEVEL' }),
  'log-format': stringFlag('json', 'json'),
};

const opsFlagName = 'ops-address';
const logLevels: readonly string[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/** Runs a component to its end and returns the process's exit code. */
export async function runComponent<F extends FlagSet>(
  component: Component<F>,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<number> {
  const opsFlag = stringFlag(component.opsAddress, 'address of /metrics, /livez and /readyz; empty for none');
  // A component may bring a common flag of its own, with other defaults or names.
  const set = { ...commonFlags, ...component.flags, [opsFlagName]: opsFlag };
  const call = `timonier ${component.name}`;
  if (asksForHelp(argv)) {
    const usage = `${component.usage ?? ''} [FLAGS]`.trimStart();
    process.stdout.write(`${describeProgram({ ...component, call, usage, flags: set })}\n${exitCodes}\n`);
    return 0;
  }
  let parsed;
  try {
    const arranged = component.arrange?.(argv, env) ?? { argv, env };
    parsed = parseArguments(set, arranged.argv, arranged.env);
    checkCommon(component, parsed.flags, parsed.positional);
  } catch (error) {
    return refused(call, error);
  }
  const values = parsed.flags as FlagValues<F> & FlagValues<typeof commonFlags> & { 'ops-address': string };
  const log = pino(
    { level: values['log-level'], base: { component: component.name, pid: process.pid } },
    pino.destination({ dest: 2, sync: true }),
  );
  const metrics = new Registry();
  collectDefaultMetrics({ register: metrics });
  exposeBuild(metrics, component.name);
  const shutdown = new Shutdown(log);
  const health = new Health();
  let exposition = pacedExposition(metrics);
  const shown: Exposition = {
    get contentType() {
      return exposition.contentType;
    },
    metrics: () => exposition.metrics(),
  };
  const opsPages = new Map<string, OpsPage>();
  health.addLive('ping', () => undefined);

  const fail = (error: unknown): void => {
    log.fatal({ err: error }, 'failed');
    process.exitCode = 1;
    void shutdown.begin('failure');
  };
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      if (shutdown.signal.aborted) process.exit(130);
      void shutdown.begin(name);
    });
  }

  try {
    const address = values['ops-address'];
    if (address !== '') {
      const ops = await startOpsServer(address, health, shown, opsPages);
      shutdown.add('operations endpoint', () => ops.close());
    }
    await component.run({
      flags: values,
      given: parsed.given,
      positional: parsed.positional,
      log,
      metrics,
      health,
      expose: (other) => {
        exposition = other;
      },
      opsPages,
      shutdown,
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`${call}: ${message}\n`);
    log.debug({ err: error }, 'start failed');
    // The one line above says it all; what follows is worth a line only when it goes wrong.
    log.level = log.isLevelEnabled('debug') ? log.level : 'error';
    process.exitCode = error instanceof UsageError ? 2 : 1;
    await shutdown.begin('start failed');
  }
  await shutdown.finished;
  return Number(process.exitCode ?? 0);
}

function checkCommon(
  component: Pick<Component, 'usage'>,
  values: FlagValues<FlagSet>,
  positional: readonly string[],
): void {
  const [extra] = positional;
  if (extra !== undefined && component.usage === undefined)
    throw new UsageError(`unexpected argument "${extra}"; only flags are taken`);
  const level = String(values['log-level']);
  if (!logLevels.includes(level))
    throw new UsageError(`--log-level: "${level}" is none of ${logLevels.join(', ')}`);
  if (values['log-format'] !== 'json')
    throw new UsageError(`--log-format: "${String(values['log-format'])}" is not json`);
  const address = String(values[opsFlagName]);
  try {
    if (address !== '') splitHostPort(address);
  } catch (error) {
    throw new UsageError(`--${opsFlagName}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}
