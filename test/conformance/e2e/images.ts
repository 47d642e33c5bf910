/**
 * The images that upstream's suite runs, made without a registry. Its programs are upstream's own, built from the same
 * module as the suite; what upstream takes from Alpine or Debian is this machine's Debian. So an image is what its name
 * says, and differs from the published one in the releases of those parts alone. What cannot be had is left out, and
 * with it the tests that need it.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildImage, busyboxFiles, type ImageFile } from '../../../deploy/images/demo.ts';
import { peerFile } from '../../peers/peer.ts';
import { moduleFolder } from '../../peers/programs.ts';
import { filesBelow, layerOf, programWithLibraries, unpackPackages } from './machine-files.ts';

const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Upstream's programs that the images are made of. */
export const imagePrograms = ['agnhost', 'etcd', 'etcdctl', 'nonewprivs', 'sample-apiserver'] as const;

interface Recipe {
  readonly layers: readonly (readonly ImageFile[])[];
  readonly config: Readonly<Record<string, unknown>>;
}

interface Sources {
  /** The root of upstream's module. */
  readonly kubernetes: string;
  /** Where Debian packages that are not installed are unpacked. */
  readonly packages: string;
  readonly scratch: string;
  readonly busybox: readonly ImageFile[];
}

/** Of the last part of an image's name. */
const recipes: Readonly<Record<string, (sources: Sources) => Recipe>> = {
  agnhost: (sources) => ({ layers: agnhostLayers(sources), config: agnhostConfig(['pause']) }),
  busybox: ({ busybox }) => ({ layers: [busybox], config: { Cmd: ['sh'], Env: [path] } }),
  etcd: ({ busybox }) => ({
    layers: [
      layerOf(
        programWithLibraries(peerFile('etcd'), 'usr/local/bin/etcd'),
        programWithLibraries(peerFile('etcdctl'), 'usr/local/bin/etcdctl'),
        busybox,
      ),
    ],
    config: { Env: [path] },
  }),
  'glibc-dns-testing': ({ busybox }) => ({
    layers: [layerOf(shell(), debianPrograms(['dig', 'getent', 'nslookup']), busybox)],
    config: { Cmd: ['sh'], Env: [path] },
  }),
  'ipc-utils': ({ busybox }) => ({
    layers: [layerOf(shell(), debianPrograms(['ipcs', 'ipcmk', 'ipcrm']), busybox)],
    config: { Cmd: ['sh'], Env: [path] },
  }),
  kitten: (sources) => withPages(sources, 'kitten'),
  nautilus: (sources) => withPages(sources, 'nautilus'),
  nginx: ({ packages, busybox }) => ({
    layers: [
      layerOf(
        programWithLibraries(join(packages, 'usr/sbin/nginx'), 'usr/sbin/nginx'),
        nginxFiles(packages),
        busybox,
      ),
    ],
    config: { Cmd: ['nginx', '-g', 'daemon off;'], Env: [path], ExposedPorts: { '80/tcp': {} } },
  }),
  nonewprivs: ({ busybox }) => ({
    layers: [
      layerOf(
        [{ path: 'usr/local/bin/nnp', content: readFileSync(peerFile('nonewprivs')), mode: 0o6755 }],
        busybox,
      ),
    ],
    config: { Cmd: ['nnp'], Env: [path] },
  }),
  nonroot: ({ busybox }) => ({
    layers: [busybox],
    config: { Cmd: ['sh'], Env: [path], User: '1234' },
  }),
  pause: (sources) => ({
    layers: [[{ path: 'pause', content: compiledPause(sources), mode: 0o755 }]],
    config: { Entrypoint: ['/pause'], Env: [path], User: '65535:65535' },
  }),
  'sample-apiserver': ({ busybox }) => ({
    layers: [busybox, programWithLibraries(peerFile('sample-apiserver'), 'sample-apiserver')],
    config: { Entrypoint: ['/sample-apiserver'], Env: [path] },
  }),
};

const packageNames = ['nginx', 'nginx-common', 'netcat-openbsd', 'libbsd0', 'iperf'];

/** Layers of an image on top of agnhost's, as upstream has them. */
function agnhostLayers({ kubernetes, packages, busybox }: Sources): readonly (readonly ImageFile[])[] {
  const porter = join(kubernetes, 'test/images/agnhost/porter');
  const users = {
    passwd: 'user-defined-in-image:x:1000:1000::/home/user-defined-in-image:/bin/sh\n',
    group:
      'user-defined-in-image:x:1000:\ngroup-defined-in-image:x:50000:user-defined-in-image\naudio:x:29:\n',
  };
  return [
    layerOf(
      [
        {
          path: 'etc/passwd',
          content: `root:x:0:0:root:/root:/bin/sh\n${users.passwd}nobody:x:65534:65534:nobody:/:/bin/false\n`,
        },
        { path: 'etc/group', content: `root:x:0:\n${users.group}nogroup:x:65534:\n` },
      ],
      programWithLibraries(join(packages, 'bin/nc.openbsd'), 'usr/bin/nc'),
      programWithLibraries(join(packages, 'usr/bin/iperf'), 'usr/bin/iperf'),
      shell(),
      debianPrograms(['bash', 'curl', 'dig', 'ss', 'ip', 'ipcs']),
      busybox,
    ),
    [
      ...programWithLibraries(peerFile('agnhost'), 'agnhost'),
      { path: 'agnhost-2', link: 'agnhost' },
      { path: 'localhost.crt', content: readFileSync(join(porter, 'localhost.crt')) },
      { path: 'localhost.key', content: readFileSync(join(porter, 'localhost.key')) },
      { path: 'uploads/' },
    ],
  ];
}

function agnhostConfig(command: readonly string[]): Readonly<Record<string, unknown>> {
  const ports = ['80', '8080', '8081', '9376', '5000'];
  return {
    Entrypoint: ['/agnhost'],
    Cmd: command,
    Env: [path],
    ExposedPorts: Object.fromEntries(ports.map((port) => [`${port}/tcp`, {}])),
  };
}

function withPages(sources: Sources, name: string): Recipe {
  const pages = filesBelow(join(sources.kubernetes, 'test/images', name, 'html'), '');
  return { layers: [...agnhostLayers(sources), pages], config: agnhostConfig(['test-webserver']) };
}

/** Debian's busybox takes its own programs before those of the path; where others are needed, the shell is another one. */
function shell(): readonly ImageFile[] {
  return programWithLibraries('/bin/dash', 'bin/sh');
}

function debianPrograms(names: readonly string[]): readonly ImageFile[] {
  return names.flatMap((name) => {
    const file = execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
    return programWithLibraries(file, `usr/bin/${name}`);
  });
}

/** Debian's package as upstream's image is set up: pages from one folder, logs to the container's own streams. */
function nginxFiles(packages: string): readonly ImageFile[] {
  const page = '<!DOCTYPE html>\n<title>Welcome to nginx!</title>\n<h1>Welcome to nginx!</h1>\n';
  const config = `user nobody nogroup;
pid /run/nginx.pid;
events {}
http {
  include mime.types;
  server {
    listen 80;
    root /usr/share/nginx/html;
  }
}
`;
  const types = readFileSync(join(packages, 'etc/nginx/mime.types'));
  return [
    { path: 'etc/nginx/nginx.conf', content: config },
    { path: 'etc/nginx/mime.types', content: types },
    { path: 'usr/share/nginx/html/index.html', content: page },
    { path: 'run/' },
    { path: 'var/lib/nginx/', mode: 0o777 },
    { path: 'var/log/nginx/' },
    { path: 'var/log/nginx/access.log', link: '/dev/stdout' },
    { path: 'var/log/nginx/error.log', link: '/dev/stderr' },
  ];
}

function compiledPause({ kubernetes, scratch }: Sources): Buffer {
  const program = join(scratch, 'pause');
  const source = join(kubernetes, 'build/pause/linux/pause.c');
  execFileSync('gcc', ['-Os', '-static', '-DVERSION=from-module', '-o', program, source]);
  return readFileSync(program);
}

export interface Image {
  /** As the suite names it, with its tag. */
  readonly name: string;
  readonly archive: string;
}

/** Makes what can be made of the images that the suite lists, as archives in `folder`. */
export async function makeImages(names: readonly string[], folder: string): Promise<readonly Image[]> {
  mkdirSync(folder, { recursive: true });
  const packages = join(folder, 'packages');
  unpackPackages(packageNames, packages);
  const module = { cwd: moduleFolder('kubernetes'), encoding: 'utf8' as const };
  const kubernetes = execFileSync('go', ['list', '-m', '-f', '{{.Dir}}', 'k8s.io/kubernetes'], module).trim();
  const sources: Sources = { kubernetes, packages, scratch: folder, busybox: await busyboxFiles() };
  const made: Image[] = [];
  for (const name of names) {
    const recipe = recipeOf(name);
    if (recipe === undefined) continue;
    const archive = join(folder, `${made.length}.tar`);
    await buildImage(archive, { name, ...recipe(sources) });
    made.push({ name, archive });
  }
  return made;
}

/** Those of a registry that has to refuse us must not be there. */
const notToBeHad = /authenticated|invalid/;

export function recipeOf(image: string): ((sources: Sources) => Recipe) | undefined {
  if (notToBeHad.test(image)) return undefined;
  const kind = /([^/:]+):[^/:]+$/.exec(image)?.[1] ?? '';
  return Object.hasOwn(recipes, kind) ? recipes[kind] : undefined;
}
