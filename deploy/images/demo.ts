/**
 * Makes small OCI images out of the machine's static busybox, without a network: the demo image that the examples
 * run, and whatever tests need.
 *
 * Out: an OCI image archive (a tar of an OCI layout) that any runtime can import. The same input gives the same
 * bytes, so the image's digest is stable.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { readFile, rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { type Pack, pack } from 'tar-stream';

export const demoImageName = 'timonier.local/demo:latest';
const demoPort = 8080;

export interface ImageFile {
  /** Path without a leading slash; a folder's ends with one. */
  readonly path: string;
  readonly content?: string | Uint8Array;
  /** Target of a symbolic link. */
  readonly link?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

export interface ImageDescription {
  readonly name: string;
  /** One list of files per layer, lowest first. */
  readonly layers: readonly (readonly ImageFile[])[];
  readonly config: Readonly<Record<string, unknown>>;
}

// It answers every request with the name of its pod, says so in its log, and stops when asked to: the first process
// of a container gets no signal that it does not handle.
const serve = `#!/bin/sh
mkdir -p /tmp/www
echo "Hello from \${HOSTNAME:-$(hostname)}" > /tmp/www/index.html
echo "\${HOSTNAME:-$(hostname)} listens on port ${demoPort}"
trap 'kill "$server"; exit 0' TERM INT
httpd -f -v -p ${demoPort} -h /tmp/www &
server=$!
wait "$server"
`;

/** Writes the demo image to `path` as an OCI archive. Needs Debian's busybox-static. */
export async function buildDemoImage(path: string, busybox = '/bin/busybox'): Promise<void> {
  await buildImage(path, {
    name: demoImageName,
    layers: [await busyboxFiles(busybox), [{ path: 'usr/bin/serve', content: serve, mode: 0o755 }]],
    config: {
      Entrypoint: ['/usr/bin/serve'],
      Env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'],
      ExposedPorts: { [`${demoPort}/tcp`]: {} },
      WorkingDir: '/',
    },
  });
}

/** The files of a minimal root: busybox, a link per applet, users and a place for temporary files. */
export async function busyboxFiles(busybox = '/bin/busybox'): Promise<ImageFile[]> {
  const applets = execFileSync(busybox, ['--list'], { encoding: 'utf8' }).trim().split('\n');
  return [
    { path: 'bin/' },
    { path: 'etc/' },
    { path: 'root/', mode: 0o700 },
    { path: 'tmp/', mode: 0o1777 },
    { path: 'usr/' },
    { path: 'usr/bin/' },
    { path: 'var/' },
    { path: 'bin/busybox', content: await readFile(busybox), mode: 0o755 },
    ...applets.filter((name) => name !== 'busybox').map((name) => ({ path: `bin/${name}`, link: 'busybox' })),
    {
      path: 'etc/passwd',
      content:
        'root:x:0:0:root:/root:/bin/sh\ndemo:x:1000:1000:demo:/tmp:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n',
    },
    { path: 'etc/group', content: 'root:x:0:\ndemo:x:1000:\naudio:x:29:demo\nnogroup:x:65534:\n' },
  ];
}

/** Writes any image as an OCI archive. */
export async function buildImage(path: string, description: ImageDescription): Promise<void> {
  const blobs = new Map<string, Buffer>();
  const add = (mediaType: string, content: Buffer) => {
    const digest = sha256(content);
    blobs.set(digest, content);
    return { mediaType, digest, size: content.length };
  };
  const layers = [];
  const diffIds: string[] = [];
  for (const files of description.layers) {
    const tar = await layerTar(files);
    diffIds.push(sha256(tar));
    layers.push(add('application/vnd.oci.image.layer.v1.tar+gzip', await promisify(gzip)(tar)));
  }
  const config = add(
    'application/vnd.oci.image.config.v1+json',
    json({
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config: description.config,
      rootfs: { type: 'layers', diff_ids: diffIds },
    }),
  );
  const manifestType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = add(manifestType, json({ schemaVersion: 2, mediaType: manifestType, config, layers }));
  const annotations = {
    'io.containerd.image.name': description.name,
    'org.opencontainers.image.ref.name': description.name,
  };
  const index = { schemaVersion: 2, manifests: [{ ...manifest, annotations }] };
  const archive = pack();
  const writing = pipeline(archive, createWriteStream(`${path}.new`));
  try {
    await entry(archive, { path: 'oci-layout', content: json({ imageLayoutVersion: '1.0.0' }) });
    await entry(archive, { path: 'index.json', content: json(index) });
    for (const [digest, content] of blobs) {
      await entry(archive, { path: `blobs/sha256/${digest.slice('sha256:'.length)}`, content });
    }
    archive.finalize();
    await writing;
    await rename(`${path}.new`, path);
  } catch (error) {
    await rm(`${path}.new`, { force: true });
    throw error;
  }
}

async function layerTar(files: readonly ImageFile[]): Promise<Buffer> {
  const tar = pack();
  const chunks: Buffer[] = [];
  const reading = (async () => {
    for await (const chunk of tar) chunks.push(chunk as Buffer);
  })();
  for (const file of files) await entry(tar, file);
  tar.finalize();
  await reading;
  return Buffer.concat(chunks);
}

function entry(tar: Pack, file: ImageFile): Promise<void> {
  const folder = file.path.endsWith('/');
  const content = Buffer.from(file.content ?? '');
  const common = {
    name: file.path,
    mtime: new Date(0),
    uid: file.uid ?? 0,
    gid: file.gid ?? 0,
    mode: file.mode ?? (folder ? 0o755 : 0o644),
  };
  return new Promise((resolve, reject) => {
    const done = (error?: Error | null): void => (error ? reject(error) : resolve());
    if (file.link !== undefined) {
      tar.entry({ ...common, type: 'symlink', linkname: file.link, mode: 0o777 }, done);
    } else if (folder) tar.entry({ ...common, type: 'directory' }, done);
    else tar.entry({ ...common, type: 'file', size: content.length }, content, done);
  });
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function sha256(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}
