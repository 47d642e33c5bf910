/**
 * `timonier kubelet`: runs the pods of one node through any CRI v1 runtime. This file only wires the parts together:
 * sources of pods → manager → workers → runtime, and statuses, node and lease → API server.
 */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { resources, type Pod } from '@timonier/api';
import {
  clientFromKubeconfig,
  restClientMetrics,
  createEventRecorder,
  createInformer,
  pause,
  type ApiClient,
  type CatchingInformer,
} from '@timonier/client';
import { defineComponent, watchCertificate } from '@timonier/component';
import { connectCri } from '@timonier/grpc/cri';
import { ApiObjectSource, noObjects } from './api/object-source.ts';
import { StatusWriter } from './api/status-writer.ts';
import { kubeletFlags, parseLabels, parseTaints } from './flags.ts';
import { createKubeletMetrics } from './metrics.ts';
import type { Registry } from 'prom-client';
import { defaultNodeIp, readHostFacts } from './node/host-facts.ts';
import { reportRuntime } from './node/node-agent.ts';
import { showNode } from './node/presence.ts';
import { ImagePuller } from './pod/image-puller.ts';
import { keepRotating } from './pod/log-rotation.ts';
import { PodManager } from './pod/manager.ts';
import { isStatic } from './pod/pod-facts.ts';
import { Runtime } from './runtime/runtime.ts';
import { RuntimeWatcher } from './runtime/watcher.ts';
import { KubeletServer } from './server/server.ts';
import { servingIdentity } from './server/serving-identity.ts';
import { StaticPodSource } from './static-pod-source.ts';
import { kubeletVersion } from './version.ts';
import { PodVolumes } from './volumes/pod-volumes.ts';

const leftoversMs = 60_000;
const runtimeRetryMs = 200;

export const command = defineComponent({
  name: 'kubelet',
  summary: 'runs the pods of this node through a CRI runtime',
  examples: [
    'timonier kubelet --kubeconfig /etc/timonier/kubelet.kubeconfig',
    'timonier kubelet --container-runtime-endpoint unix:///run/containerd/containerd.sock --pod-manifest-path ./pods',
  ],
  flags: kubeletFlags,
  opsAddress: '0.0.0.0:10248',
  async run({ flags, log, metrics: registry, health, shutdown }) {
    const nodeName = flags['node-name'] === '' ? hostname().toLowerCase() : flags['node-name'];
    const nodeIp = flags['node-ip'] === '' ? (defaultNodeIp() ?? '127.0.0.1') : flags['node-ip'];
    const labels = parseLabels(flags['node-labels']);
    const taints = parseTaints(flags['register-with-taints']);
    const { signal } = shutdown;
    const metrics = createKubeletMetrics(registry, nodeName);
    const facts = await readHostFacts();
    await mkdir(flags['root-dir'], { recursive: true, mode: 0o750 });

    const cri = connectCri(flags['container-runtime-endpoint']);
    shutdown.add('runtime connection', () => cri.close());
    const runtime = new Runtime(cri, metrics);
    // The runtime may start after us; until it answers nothing can run, so nobody sees the placeholder.
    let runtimeName = 'cri';
    void nameRuntime(runtime, signal, (problem) =>
      log.warn({ problem }, 'the runtime does not answer yet'),
    ).then((name) => {
      runtimeName = name ?? runtimeName;
    });

    const client = openClient(flags.kubeconfig, flags.servers, registry);
    if (client !== undefined) shutdown.add('client', () => client.close());
    const onApiError = (error: unknown): void => log.warn({ err: error }, 'cannot follow the API server');
    const recorder =
      client === undefined
        ? undefined
        : createEventRecorder(client, { component: 'kubelet', host: nodeName });
    if (recorder !== undefined) shutdown.add('events', () => recorder.close(1_000));
    const event = (
      pod: Pod,
      type: 'Normal' | 'Warning',
      reason: string,
      message: string,
      path?: string,
    ): void => {
      log.info({ pod: pod.metadata?.name, namespace: pod.metadata?.namespace, reason, part: path }, message);
      if (!isStatic(pod))
        recorder?.event({ ...pod, apiVersion: 'v1', kind: 'Pod' }, type, reason, message, path);
    };
    const writer =
      client === undefined
        ? undefined
        : new StatusWriter(client, (error) => log.warn({ err: error }, 'cannot write a pod status'));
    if (writer !== undefined) shutdown.add('status writer', () => writer.stop());

    let informer: CatchingInformer<Pod> | undefined;
    let objects: ApiObjectSource | undefined;
    let podsSynced = client === undefined;
    if (client !== undefined) {
      const services = createInformer(client, resources.services, { onError: onApiError });
      shutdown.add('service informer', () => services.stop());
      objects = new ApiObjectSource(
        client,
        services,
        (pod, message) => event(pod, 'Warning', 'FailedMount', message),
        (uid) => pods.refreshVolumes(uid),
      );
      const source = objects;
      shutdown.add('objects of volumes', () => source.stop());
      informer = createInformer(client, resources.pods, {
        fieldSelector: `spec.nodeName=${nodeName}`,
        onError: onApiError,
      });
    }
    const volumes = new PodVolumes(flags['root-dir'], objects ?? noObjects);
    const allocatable = {
      pods: flags['max-pods'],
      cpuMilli: facts.cpus * 1000,
      memoryBytes: facts.memoryBytes,
    };
    const staticFolder = flags['pod-manifest-path'];
    let statics: StaticPodSource | undefined;

    const pods = new PodManager({
      sourcesReady: () => podsSynced && (statics === undefined || statics.ready),
      services: {
        runtime,
        metrics,
        images: new ImagePuller(runtime),
        volumes,
        objects: objects ?? noObjects,
        credentials: (pod, image) => objects?.credentials(pod, image) ?? Promise.resolve(undefined),
        settings: {
          nodeName,
          hostIp: nodeIp,
          get runtimeName() {
            return runtimeName;
          },
          logRoot: flags['pod-log-dir'],
          cgroupParent: flags['cgroup-parent'],
          clusterDns: flags['cluster-dns'],
          clusterDomain: flags['cluster-domain'],
          resolvConf: flags['resolv-conf'],
        },
        allocatable,
        log,
        makeLogDirectory: async (path) => {
          await mkdir(path, { recursive: true, mode: 0o755 });
        },
        removeLogDirectory: (path) => rm(path, { recursive: true, force: true }),
        publish: (pod, status) => {
          if (isStatic(pod)) pod.status = status;
          else writer?.publish(pod, status);
        },
        finish: async (pod, status) => {
          if (!isStatic(pod)) await writer?.finish(pod, status);
        },
        event,
      },
    });
    shutdown.add('pods', () => pods.stop());
    if (informer !== undefined) {
      const source = informer;
      shutdown.add('pod informer', () => source.stop());
      source.on(({ type, object }) => {
        const uid = object.metadata?.uid ?? '';
        if (type !== 'deleted') return pods.set(object);
        writer?.forget(uid);
        pods.remove(uid);
      });
      void source.synced.then(() => {
        podsSynced = true;
        log.info({ pods: source.size }, 'the pods of this node are known');
      });
    }
    if (staticFolder !== '') {
      statics = new StaticPodSource({
        folder: staticFolder,
        nodeName,
        pods,
        periodMs: flags['file-check-frequency'],
        onError: (file, error) => log.error({ err: error, file }, 'a manifest cannot be used'),
      });
      const source = statics;
      shutdown.add('manifests', () => source.stop());
      await source.start();
    }

    let cleaned = false;
    const watcher = new RuntimeWatcher({
      runtime,
      metrics,
      signal,
      onPod: (uid) => pods.runtimeChanged(uid),
      onListing: (entries) => {
        pods.observe(entries);
        if (cleaned || !podsSynced) return;
        cleaned = true;
        void pods.removeLeftovers(entries).catch((error: unknown) => {
          log.warn({ err: error }, 'cannot remove folders of former pods');
        });
        setTimeout(() => {
          cleaned = false;
        }, leftoversMs).unref();
      },
      onError: (error) => log.error({ err: error }, 'the runtime cannot be listed'),
    });
    watcher.start();
    const refresher = setInterval(() => pods.refreshVolumes(), flags['sync-frequency']);
    shutdown.add('volume refresh', () => clearInterval(refresher));

    const rotator = keepRotating(
      {
        runtime,
        logRoot: flags['pod-log-dir'],
        maxBytes: flags['container-log-max-size'],
        maxFiles: flags['container-log-max-files'],
      },
      (error) => log.warn({ err: error }, 'cannot rotate a container log'),
    );
    shutdown.add('log rotation', () => rotator.stop());

    const identity = await servingIdentity(
      flags['tls-cert-file'],
      flags['tls-private-key-file'],
      nodeName,
      nodeIp,
    );
    watchCertificate(flags['tls-cert-file'] || '(self-signed)', identity.cert, health, log);
    const server = new KubeletServer({
      host: flags.address,
      port: flags.port,
      ...identity,
      clientCa: flags['client-ca-file'] === '' ? undefined : await readFile(flags['client-ca-file']),
      pods,
      runtime,
      metrics: registry,
      healthy: () => (watcher.healthy ? undefined : 'the container runtime does not answer'),
    });
    await server.start();
    shutdown.add('server', () => server.stop());

    health.addReady('runtime', () => {
      if (!watcher.healthy) throw new Error('the container runtime does not answer');
    });
    health.addReady('pods', () => {
      if (!podsSynced) throw new Error('the pods of this node are not known yet');
    });
    if (client === undefined) return;

    const leaseClient = clientFromKubeconfig(flags.kubeconfig, {
      servers: flags.servers,
      userAgent: 'timonier-kubelet-lease',
      metrics: restClientMetrics(registry),
      timeoutMs: 1_000,
      connectTimeoutMs: 500,
      retryForMs: flags['node-lease-renew-interval'],
    });
    shutdown.add('lease client', () => leaseClient.close());
    showNode({
      agent: {
        client,
        runtime,
        rootDirectory: flags['root-dir'],
        signal,
        lookMs: flags['node-status-update-frequency'],
        reportMs: flags['node-status-report-frequency'],
        describe: {
          name: nodeName,
          address: nodeIp,
          facts,
          maxPods: flags['max-pods'],
          kubeletVersion,
          serverPort: server.port,
          labels,
          taints,
        },
      },
      lease: {
        client: leaseClient,
        intervalMs: flags['node-lease-renew-interval'],
        durationSeconds: Math.ceil(flags['node-lease-duration'] / 1000),
      },
      metrics,
      log,
    });
  },
});

function openClient(
  kubeconfig: string,
  servers: readonly string[],
  registry: Registry,
): ApiClient | undefined {
  if (kubeconfig === '') return undefined;
  return clientFromKubeconfig(kubeconfig, {
    servers,
    userAgent: 'timonier-kubelet',
    metrics: restClientMetrics(registry),
  });
}

/** The runtime's name for container ids, once it answers; undefined when the signal came first. */
async function nameRuntime(
  runtime: Runtime,
  signal: AbortSignal,
  onSilent: (problem: string) => void,
): Promise<string | undefined> {
  for (let first = true; !signal.aborted; first = false) {
    const { name, error } = await reportRuntime(runtime);
    if (error === undefined) return name;
    if (first) onSilent(error);
    await pause(runtimeRetryMs, signal).catch(() => undefined);
  }
  return undefined;
}
