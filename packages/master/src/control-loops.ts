/**
 * `timonier control-loops`: scheduler, controllers and cloud controllers in one process, as a master runs them. Each
 * keeps its own identity, its own term of office and its own operations port, so that nobody who looks from outside
 * can tell it from the three processes.
 */
import { join } from 'node:path';
import { type ApiClient, clientFromKubeconfig, OfficeClient, restClientMetrics } from '@timonier/client';
import { providerNamed, startCloudControllers } from '@timonier/cloud';
import {
  defineComponent,
  exposeBuild,
  Health,
  listFlag,
  type Shutdown,
  startOpsServer,
  stringFlag,
} from '@timonier/component';
import { controllerFlags, settingsFromFlags, startControllers } from '@timonier/controllers';
import { defaultProfile, readConfiguration, startScheduler } from '@timonier/scheduler';
import { collectDefaultMetrics, Registry } from 'prom-client';

export const command = defineComponent({
  name: 'control-loops',
  summary: 'Runs scheduler, controllers and cloud controllers in one process.',
  examples: [
    'timonier control-loops --config-dir /etc/timonier --apiserver-socket /run/timonier/apiserver.sock --office-socket /run/timonier/office.sock',
    'timonier control-loops --config-dir ./config --servers https://127.0.0.1:6443',
  ],
  flags: {
    'config-dir': stringFlag('/etc/timonier', 'where the kubeconfigs NAME.kubeconfig of the three are'),
    'scheduler-kubeconfig': stringFlag('', "the scheduler's identity", {
      placeholder: 'scheduler.kubeconfig',
    }),
    'controller-manager-kubeconfig': stringFlag('', "the controllers' identity", {
      placeholder: 'controller-manager.kubeconfig',
    }),
    'cloud-controller-manager-kubeconfig': stringFlag('', "the cloud controllers' identity", {
      placeholder: 'cloud-controller-manager.kubeconfig',
    }),
    'apiserver-socket': stringFlag('', "this host's private API server socket"),
    servers: listFlag([], "API servers, used instead of the kubeconfigs', first one first"),
    'office-socket': stringFlag('', 'where the office is published; without it the loops always act'),
    'scheduler-config': stringFlag('', "a KubeSchedulerConfiguration with the scheduler's profiles"),
    'cloud-provider': stringFlag('plain-vm', 'who runs the machines'),
    'scheduler-ops-address': stringFlag('0.0.0.0:10259', "the scheduler's /metrics, /livez and /readyz"),
    'controller-manager-ops-address': stringFlag(
      '0.0.0.0:10257',
      "the controllers' /metrics, /livez and /readyz",
    ),
    'cloud-controller-manager-ops-address': stringFlag(
      '0.0.0.0:10258',
      "the cloud controllers' /metrics, /livez and /readyz",
    ),
    ...controllerFlags,
  },
  opsAddress: '',
  run: async ({ flags, log, shutdown }) => {
    const office = flags['office-socket'] === '' ? undefined : new OfficeClient(flags['office-socket']);
    if (office !== undefined) shutdown.add('office', () => office.close());
    const kubeconfigOf = (name: LoopName): string => {
      const given = flags[`${name}-kubeconfig`];
      return given === '' ? join(flags['config-dir'], `${name}.kubeconfig`) : given;
    };
    const prepare = async (name: LoopName): Promise<Surroundings> => {
      const operations = await serveOperations(name, flags[`${name}-ops-address`], shutdown);
      const client = clientFromKubeconfig(kubeconfigOf(name), {
        metrics: restClientMetrics(operations.metrics),
        servers: flags.servers,
        ...(flags['apiserver-socket'] === '' ? {} : { socketPath: flags['apiserver-socket'] }),
        userAgent: `timonier-${name}`,
      });
      shutdown.add(`${name} client`, () => client.close());
      return { client, ...operations };
    };

    const config = flags['scheduler-config'];
    const scheduler = startScheduler(
      { ...(await prepare('scheduler')), office, log: log.child({ component: 'scheduler' }) },
      config === '' ? [defaultProfile] : readConfiguration(config),
    );
    shutdown.add('scheduler', () => scheduler.stop());
    const controllers = startControllers(
      {
        ...(await prepare('controller-manager')),
        office,
        log: log.child({ component: 'controller-manager' }),
      },
      settingsFromFlags(flags, kubeconfigOf('controller-manager')),
    );
    shutdown.add('controllers', () => controllers.stop());
    const cloud = startCloudControllers(
      {
        ...(await prepare('cloud-controller-manager')),
        office,
        log: log.child({ component: 'cloud-controller-manager' }),
      },
      providerNamed(flags['cloud-provider']),
    );
    shutdown.add('cloud controllers', () => cloud.stop());
  },
});

type LoopName = 'scheduler' | 'controller-manager' | 'cloud-controller-manager';

interface Surroundings {
  readonly client: ApiClient;
  readonly metrics: Registry;
  readonly health: Health;
}

async function serveOperations(
  name: LoopName,
  address: string,
  shutdown: Shutdown,
): Promise<Omit<Surroundings, 'client'>> {
  const metrics = new Registry();
  collectDefaultMetrics({ register: metrics });
  exposeBuild(metrics, name);
  const health = new Health();
  health.addLive('ping', () => undefined);
  if (address !== '') {
    const ops = await startOpsServer(address, health, metrics);
    shutdown.add(`operations endpoint ${address}`, () => ops.close());
  }
  return { metrics, health };
}
