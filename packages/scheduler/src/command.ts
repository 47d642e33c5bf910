/** `timonier scheduler`: the scheduler as a process of its own. */
import { clientFromKubeconfig, OfficeClient, restClientMetrics } from '@timonier/client';
import { defineComponent, listFlag, stringFlag, UsageError } from '@timonier/component';
import { readConfiguration } from './configuration.ts';
import { defaultProfile } from './profile.ts';
import { startScheduler } from './start.ts';

export const command = defineComponent({
  name: 'scheduler',
  summary: 'Finds a node for every pod that has none.',
  examples: [
    'timonier scheduler --kubeconfig /etc/timonier/scheduler.kubeconfig',
    'timonier scheduler --kubeconfig scheduler.kubeconfig --socket /run/timonier/apiserver.sock --office-socket /run/timonier/office.sock',
  ],
  flags: {
    config: stringFlag(
      '',
      'a KubeSchedulerConfiguration with profiles; without it there is the default one',
      {
        placeholder: 'scheduler.yaml',
      },
    ),
    kubeconfig: stringFlag('', 'how to reach the API server'),
    socket: stringFlag('', "this host's private API server socket, used instead of the kubeconfig's server"),
    servers: listFlag([], "API servers, used instead of the kubeconfig's, first one first"),
    'office-socket': stringFlag('', 'where the office is published; without it the scheduler always acts'),
  },
  opsAddress: '0.0.0.0:10259',
  run: async ({ flags, log, metrics, health, shutdown }) => {
    if (flags.kubeconfig === '') throw new UsageError('--kubeconfig is needed');
    const profiles = flags.config === '' ? [defaultProfile] : readConfiguration(flags.config);
    const client = clientFromKubeconfig(flags.kubeconfig, {
      servers: flags.servers,
      ...(flags.socket === '' ? {} : { socketPath: flags.socket }),
      userAgent: 'timonier-scheduler',
      metrics: restClientMetrics(metrics),
    });
    shutdown.add('client', () => client.close());
    const office = flags['office-socket'] === '' ? undefined : new OfficeClient(flags['office-socket']);
    if (office !== undefined) shutdown.add('office', () => office.close());
    const running = startScheduler({ client, office, log, metrics, health }, profiles);
    shutdown.add('scheduler', () => running.stop());
    await Promise.resolve();
  },
});
