/** Puts the controllers together: shared caches, which stay warm while passive, and all loops in each term of office. */
import {
  CacheTrouble,
  type CatchingInformer,
  createEventRecorder,
  lead,
  officeGauge,
  type Stoppable,
  workQueueMetrics,
} from '@timonier/client';
import type { StartContext } from '@timonier/client/loop-process';
import { startBootstrapSigner } from './bootstrapsigner/controller.ts';
import { startClusterRoleAggregation } from './clusterroleaggregation/controller.ts';
import { startClusterDnsController } from './clusterdns/controller.ts';
import { startCronJobController } from './cronjob/controller.ts';
import { startCertificateApprover } from './csrapproving/controller.ts';
import { startCertificateCleaner } from './csrcleaner/controller.ts';
import { startCertificateSigner } from './csrsigning/controller.ts';
import { startDaemonSetController } from './daemonset/controller.ts';
import { startDeploymentController } from './deployment/controller.ts';
import type { OwnedMetadata } from './discovery.ts';
import { startDisruptionController } from './disruption/controller.ts';
import { startEndpointsController } from './endpoints/controller.ts';
import { startEndpointSliceController } from './endpointslice/controller.ts';
import { startEndpointSliceMirroring } from './endpointslicemirroring/controller.ts';
import { startEphemeralVolumes } from './ephemeralvolume/controller.ts';
import { startGarbageCollector } from './garbagecollector/controller.ts';
import { ResourceMonitor } from './garbagecollector/monitor.ts';
import { createInformers, type Informers } from './informers.ts';
import { startJobController } from './job/controller.ts';
import type { ControllerSettings, LoopContext } from './loop.ts';
import { startNamespaceController } from './namespace/controller.ts';
import { startNodeIpamController } from './nodeipam/controller.ts';
import { startNodeLifecycleController } from './nodelifecycle/controller.ts';
import { startPodGc } from './podgc/controller.ts';
import { startClaimProtection } from './pvcprotection/controller.ts';
import { startAttributesClassProtection } from './vacprotection/controller.ts';
import { startVolumeProtection } from './pvprotection/controller.ts';
import { startReplicaSetController, startReplicationController } from './replicaset/controller.ts';
import { startResourceQuotaController } from './resourcequota/controller.ts';
import { startServiceAccountController } from './serviceaccount/controller.ts';
import { startStatefulSetController } from './statefulset/controller.ts';
import { startTokenCleaner } from './tokencleaner/controller.ts';
import { startTtlAfterFinished } from './ttlafterfinished/controller.ts';

export const defaultSettings: ControllerSettings = {
  clusterCidr: '10.244.0.0/16',
  nodeCidrMaskSize: 24,
  nodeMonitorGraceMs: 8_000,
  defaultEvictionMs: 2_000,
  nodeEvictionRate: 0.1,
  secondaryNodeEvictionRate: 0.01,
  largeClusterSizeThreshold: 50,
  unhealthyZoneThreshold: 0.55,
  dnsServiceAddress: '10.96.0.10',
  terminatedPodThreshold: 12_500,
  rootCa: '',
  apiServer: '',
  signing: undefined,
};

/** Every controller by the name that `--controllers` knows it by. */
const controllers = {
  bootstrapsigner: startBootstrapSigner,
  tokencleaner: startTokenCleaner,
  csrapproving: startCertificateApprover,
  csrsigning: (context) => startCertificateSigner(context),
  csrcleaner: (context) => startCertificateCleaner(context),
  deployment: startDeploymentController,
  replicaset: startReplicaSetController,
  replicationcontroller: startReplicationController,
  daemonset: startDaemonSetController,
  statefulset: startStatefulSetController,
  cronjob: (context) => startCronJobController(context),
  job: startJobController,
  ttlafterfinished: startTtlAfterFinished,
  disruption: (context) => startDisruptionController(context),
  endpoint: startEndpointsController,
  endpointslice: startEndpointSliceController,
  endpointslicemirroring: startEndpointSliceMirroring,
  nodelifecycle: startNodeLifecycleController,
  nodeipam: startNodeIpamController,
  namespace: startNamespaceController,
  garbagecollector: startGarbageCollector,
  resourcequota: startResourceQuotaController,
  serviceaccount: startServiceAccountController,
  podgc: startPodGc,
  ephemeralvolume: startEphemeralVolumes,
  clusterroleaggregation: startClusterRoleAggregation,
  pvcprotection: startClaimProtection,
  pvprotection: startVolumeProtection,
  vacprotection: startAttributesClassProtection,
  clusterdns: startClusterDnsController,
} satisfies Readonly<Record<string, (context: LoopContext, monitor: ResourceMonitor) => Stoppable>>;

type ControllerName = keyof typeof controllers;

/**
 * Who an event is said to be from, as `kubectl describe` shows it, where that is another name than the process's.
 * Source: the recorders of kube-controller-manager.
 */
const eventSources: Readonly<Partial<Record<ControllerName, string>>> = {
  deployment: 'deployment-controller',
  replicaset: 'replicaset-controller',
  replicationcontroller: 'replication-controller',
  daemonset: 'daemonset-controller',
  statefulset: 'statefulset-controller',
  cronjob: 'cronjob-controller',
  job: 'job-controller',
  disruption: 'controllermanager',
  endpointslicemirroring: 'endpoint-slice-mirroring-controller',
  nodelifecycle: 'node-controller',
  nodeipam: 'cidrAllocator',
  garbagecollector: 'garbage-collector-controller',
  ephemeralvolume: 'ephemeral_volume',
};

export const controllerNames: readonly string[] = Object.keys(controllers);

function isController(name: string): name is ControllerName {
  return Object.hasOwn(controllers, name);
}

/** Starts the controllers; ready once their caches are filled, also while passive. */
export function startControllers(
  context: StartContext,
  settings: Partial<ControllerSettings> = {},
  enabled: readonly string[] = controllerNames,
): Stoppable {
  const { client, log, metrics, health, office } = context;
  const starters = enabled.map((name) => {
    if (!isController(name)) {
      throw new Error(`controller "${name}" is unknown; there are ${controllerNames.join(', ')}`);
    }
    return { start: controllers[name], eventSource: eventSources[name] };
  });
  const trouble = new CacheTrouble(log);
  const onError = trouble.report;
  const informers = createInformers(client, onError);
  const caches: CatchingInformer<OwnedMetadata>[] = Object.values(informers);
  const monitor = new ResourceMonitor(client, sharedCaches(informers), onError);
  const sources = [...caches, monitor];
  let filled = false;
  void Promise.all(sources.map(({ synced }) => synced)).then(
    () => (filled = true),
    () => undefined,
  );
  health.addReady('controller-caches', () => {
    if (!filled) throw new Error(`some resources have not been listed yet${trouble.reason}`);
  });
  const queueMetrics = workQueueMetrics(metrics);
  const leader = lead({
    office,
    informers: sources,
    onError: (error) => log.warn({ err: error }, 'controllers cannot take up their term'),
    onActive: officeGauge(metrics, 'kube-controller-manager'),
    start: (term) => {
      log.info({ office: term.write.office }, 'controlling');
      const recorder = createEventRecorder(
        client,
        { component: 'controller-manager' },
        () => term.write.office,
      );
      const loop: LoopContext = {
        client,
        informers,
        term,
        recorder,
        log,
        queueMetrics,
        settings: { ...defaultSettings, ...settings },
      };
      const running = starters.map(({ start, eventSource }) =>
        start(eventSource === undefined ? loop : { ...loop, recorder: recorder.from(eventSource) }, monitor),
      );
      return {
        stop: async () => {
          await Promise.all(running.map((controller) => controller.stop()));
          await recorder.close();
          log.info({}, 'no longer controlling');
        },
      };
    },
  });
  return {
    stop: async () => {
      await leader.stop();
      await Promise.all([...caches.map((informer) => informer.stop()), monitor.stop()]);
    },
  };
}

/** The caches that the collector need not have once more, by `resource.group`; of leases only nodes' have owners. */
function sharedCaches(informers: Informers): Map<string, CatchingInformer<OwnedMetadata>> {
  const {
    rootCas: _rootCas,
    clusterInfos: _clusterInfos,
    bootstrapTokens: _bootstrapTokens,
    ...whole
  } = informers;
  const entries: CatchingInformer<OwnedMetadata>[] = Object.values(whole);
  return new Map(entries.map((informer) => [`${informer.type.resource}.${informer.type.group}`, informer]));
}
