/**
 * Puts images on the nodes of a local cluster: the demo image that is made here, and archives that people bring. The
 * runtime of each node imports the archive itself, from the host's own data folder.
 */
import { copyFileSync, linkSync, mkdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Host } from '../hosts/host.ts';
import { buildDemoImage, buildImage, busyboxFiles } from '../../../../deploy/images/demo.ts';
import { pauseImage } from '@timonier/worker/containerd';
import type { LocalCluster } from './local-cluster.ts';

const criSocket = '/run/timonier/cri.sock';
const containerdSocket = '/run/timonier/containerd.sock';
/** Folder of the host's data that the runtime sees as `/var/lib/timonier/import`. */
const importFolder = 'timonier/import';
const retryMs = 60;

/** Makes the demo image and imports it on every node, as soon as each node's runtime answers. */
export async function loadDemoImage(
  cluster: LocalCluster,
  deadline: number,
  signal: AbortSignal,
): Promise<void> {
  const archives = [join(cluster.record.dataDir, 'demo-image.tar')];
  await buildDemoImage(join(cluster.record.dataDir, 'demo-image.tar'));
  if (cluster.record.spec.runtime === 'containerd') {
    const pause = join(cluster.record.dataDir, 'pause-image.tar');
    await buildPauseImage(pause);
    archives.push(pause);
  }
  await Promise.all(
    nodesOf(cluster).flatMap((host) =>
      archives.map((archive) => importWhenReady(cluster, host, archive, deadline, signal)),
    ),
  );
}

/** The first process of a containerd sandbox: holds its namespaces and does nothing. Our own runtime needs none. */
async function buildPauseImage(path: string): Promise<void> {
  await buildImage(path, {
    name: pauseImage,
    layers: [await busyboxFiles()],
    config: { Entrypoint: ['/bin/sleep', '2147483647'] },
  });
}

/** Imports an archive on every node that runs; returns what each printed, such as names of images. */
export async function loadImage(cluster: LocalCluster, archive: string): Promise<readonly string[]> {
  const nodes = nodesOf(cluster).filter((host) => host.init() !== undefined);
  if (nodes.length === 0) throw new Error('no node of the cluster runs');
  const lists = await Promise.all(nodes.map((host) => importOn(cluster, host, archive)));
  return [...new Set(lists.flat())];
}

function nodesOf(cluster: LocalCluster): readonly Host[] {
  return cluster.hosts.filter((host) => host.plan.schedulable);
}

async function importWhenReady(
  cluster: LocalCluster,
  host: Host,
  archive: string,
  deadline: number,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    try {
      await importOn(cluster, host, archive);
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await delay(retryMs);
    }
  }
}

async function importOn(cluster: LocalCluster, host: Host, archive: string): Promise<readonly string[]> {
  const folder = join(host.dir, importFolder);
  mkdirSync(folder, { recursive: true });
  // Several loads may run at a time.
  const name = `${process.pid}-${basename(archive)}`;
  const copy = join(folder, name);
  try {
    place(archive, copy);
    const inside = `/var/lib/timonier/import/${name}`;
    return cluster.record.spec.runtime === 'containerd'
      ? await importByContainerd(host, inside)
      : await importByCri(host, inside);
  } finally {
    rmSync(copy, { force: true });
  }
}

function place(archive: string, copy: string): void {
  try {
    linkSync(archive, copy);
  } catch {
    // Another filesystem.
    copyFileSync(archive, copy);
  }
}

async function importByCri(host: Host, path: string): Promise<readonly string[]> {
  const { importImage } = await import('@timonier/cri');
  const images = await importImage(host.path(criSocket), path);
  return images.map((image) => image.tags[0] ?? image.id);
}

async function importByContainerd(host: Host, path: string): Promise<readonly string[]> {
  const command = ['ctr', '--address', containerdSocket, '--namespace', 'k8s.io', 'images', 'import', path];
  const { code, output } = await host.capture(command);
  if (code !== 0)
    throw new Error(`containerd on ${host.plan.name} did not import the image: ${output.trim()}`);
  return [...output.matchAll(/^unpacking (\S+)/gm)].map((match) => match[1] ?? '');
}
