/** `timonier cri` and `timonier image-import`. */
import { accessSync, constants, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { defineComponent, listFlag, splitHostPort, stringFlag, UsageError } from '@timonier/component';
import { cgroupLayout } from '@timonier/linux/cgroup';
import { noRegistryConfig, readRegistryConfig } from './image/registry-config.ts';
import { importImage } from './import-service.ts';
import { serveCri } from './serve.ts';

const defaultSocket = '/run/timonier/cri.sock';

export const command = defineComponent({
  name: 'cri',
  summary: 'a CRI v1 container runtime on crun or runc, conmon, overlayfs and CNI',
  examples: [
    'timonier cri --socket /run/timonier/cri.sock',
    'timonier cri --runtime runc --registry-config /etc/timonier/registries.json',
  ],
  opsAddress: '127.0.0.1:10240',
  flags: {
    socket: stringFlag(defaultSocket, 'unix socket to serve CRI on'),
    root: stringFlag('/var/lib/timonier/cri', 'folder of images, writable layers and records'),
    state: stringFlag('/run/timonier/cri', 'folder of what does not outlive a boot'),
    runtime: stringFlag('', 'OCI runtime, a name or a path', { placeholder: 'crun, else runc' }),
    conmon: stringFlag('conmon', 'container monitor, a name or a path'),
    pause: stringFlag('busybox', 'static busybox that pause processes run, a name or a path'),
    'cni-conf-dir': stringFlag('/etc/cni/net.d', 'folder of CNI network configurations'),
    'cni-bin-dir': listFlag(['/usr/lib/cni', '/opt/cni/bin'], 'folders of CNI plugins'),
    'cgroup-parent': stringFlag('', 'cgroup that all pods lie under', {
      placeholder: 'where this process is',
    }),
    'registry-config': stringFlag('', 'JSON file of registry mirrors and insecure registries'),
    'stream-address': stringFlag('127.0.0.1:0', 'address of the exec, attach and port-forward server'),
  },
  run: async ({ flags, log, metrics, health, shutdown }) => {
    const root = resolve(flags.root);
    const state = resolve(flags.state);
    // conmon listens in a bundle, and a socket's path may have 107 bytes.
    if (state.length > 58) throw new UsageError(`--state: "${state}" is longer than 58 characters`);
    try {
      splitHostPort(flags['stream-address']);
    } catch (error) {
      throw new UsageError(`--stream-address: ${(error as Error).message}`, { cause: error });
    }
    const settings = {
      root,
      state,
      ociRuntime: flags.runtime === '' ? findProgram(['crun', 'runc']) : findProgram([flags.runtime]),
      conmon: findProgram([flags.conmon]),
      busybox: findProgram([flags.pause]),
      cniConfDir: flags['cni-conf-dir'],
      cniBinDirs: flags['cni-bin-dir'],
      cgroupParent: flags['cgroup-parent'] === '' ? ownCgroup() : flags['cgroup-parent'],
      streamAddress: flags['stream-address'],
      registries:
        flags['registry-config'] === ''
          ? noRegistryConfig
          : await readRegistryConfig(flags['registry-config']),
    };
    const server = await serveCri(resolve(flags.socket), settings, log, metrics);
    shutdown.add('runtime service', () => server.close());
    health.addReady('network', () => void server.runtime.cni.network());
    log.info({ socket: flags.socket, runtime: settings.ociRuntime }, 'serving CRI');
  },
});

export const imageImport = defineComponent({
  name: 'image-import',
  usage: 'FILE',
  summary: 'imports an OCI image archive into the container runtime of this host',
  examples: ['timonier image-import demo.tar --socket /run/timonier/cri.sock'],
  opsAddress: '',
  flags: { socket: stringFlag(defaultSocket, 'unix socket of the runtime') },
  run: async ({ flags, positional, shutdown }) => {
    if (positional.length === 0) throw new UsageError('name the archive to import');
    for (const file of positional) {
      for (const image of await importImage(resolve(flags.socket), resolve(file))) {
        process.stdout.write(`${image.tags[0] ?? '<none>'} ${image.id}\n`);
      }
    }
    void shutdown.begin('done');
  },
});

export const commands = [command, imageImport];

const searchPath = (process.env['PATH'] ?? '').split(':').concat('/usr/sbin', '/usr/bin', '/sbin', '/bin');

function findProgram(names: readonly string[]): string {
  for (const name of names) {
    for (const path of name.includes('/') ? [name] : searchPath.map((folder) => `${folder}/${name}`)) {
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not this one.
      }
    }
  }
  const [first = ''] = names;
  if (first.includes('/')) throw new Error(`there is no program ${first}; name one that is installed`);
  const debianPackage = first === 'busybox' ? 'busybox-static' : first;
  throw new Error(`${names.join(' or ')} is not installed; on Debian: apt-get install ${debianPackage}`);
}

/** Pods belong under the host that runs them, so that it can be stopped and killed as a whole. */
function ownCgroup(): string {
  const lines = readFileSync('/proc/self/cgroup', 'utf8').trim().split('\n');
  if (cgroupLayout().version === 1) {
    const path = lines
      .map((line) => line.split(':'))
      .find(([, names = '']) => names.split(',').includes('memory'))?.[2];
    return path === undefined || path === '/' ? '' : path;
  }
  // A group of version 2 cannot hold processes and controlled groups both, so pods lie beside us.
  const path = lines.find((line) => line.startsWith('0::'))?.slice(3) ?? '/';
  const parent = dirname(path);
  return parent === '/' ? '' : parent;
}
