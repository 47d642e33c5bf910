/** What a container's first process is: the pod's wishes over the image's, by Kubernetes' rules. */
import { CriError, criStatus } from '@timonier/grpc/cri';
import type { ContainerConfig, Signal } from '@timonier/grpc/cri';
import type { ImageConfig } from '../image/manifest.ts';

type RunConfig = NonNullable<ImageConfig['config']>;

/** A command replaces the image's entrypoint and its arguments; arguments alone replace only the arguments. */
export function processArguments(config: ContainerConfig, image: RunConfig): string[] {
  const entrypoint = config.command.length > 0 ? config.command : (image.Entrypoint ?? []);
  const keepsImageArguments = config.command.length === 0 && config.args.length === 0;
  const args = keepsImageArguments ? (image.Cmd ?? []) : config.args;
  const all = [...entrypoint, ...args];
  if (all.length === 0) {
    throw new CriError(
      criStatus.INVALID_ARGUMENT,
      'no command: neither the container nor its image names one',
    );
  }
  return all;
}

export function processEnvironment(
  config: ContainerConfig,
  image: RunConfig,
  sandbox: { readonly hostname: string; readonly home: string },
): string[] {
  const variables = new Map<string, string>([
    ['PATH', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
    ['HOSTNAME', sandbox.hostname],
  ]);
  if (config.tty) variables.set('TERM', 'xterm');
  for (const line of image.Env ?? []) {
    const equals = line.indexOf('=');
    if (equals > 0) variables.set(line.slice(0, equals), line.slice(equals + 1));
  }
  for (const { key, value } of config.envs) variables.set(key, value.toString('utf8'));
  if (!variables.has('HOME')) variables.set('HOME', sandbox.home);
  return [...variables].map(([key, value]) => `${key}=${value}`);
}

/** The signal that asks a container to stop, as `SIGTERM`; the pod's choice beats the image's. */
export function stopSignalName(wish: Signal, image: string | undefined): string {
  if (wish !== 'SIGNAL_RUNTIME_DEFAULT') {
    return wish.slice('SIGNAL_'.length).replace('PLUS', '+').replace('MINUS', '-');
  }
  if (image === undefined || image === '') return 'SIGTERM';
  return /^\d+$/.test(image) || image.startsWith('SIG') ? image : `SIG${image}`;
}
