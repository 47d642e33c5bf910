/** Gives every namespace its `default` ServiceAccount and the ConfigMap with the cluster's CA. */
import { resources } from '@timonier/api';
import { isAlreadyExists, type Stoppable } from '@timonier/client';
import { feed, type LoopContext, startQueueLoop } from '../loop.ts';
import { decide, rootCaName } from './decide.ts';

const description =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.';

export function startServiceAccountController(context: LoopContext): Stoppable {
  const { informers } = context;
  const namespaceOf = (
    object: { metadata?: { namespace?: string; name?: string } },
    name: string,
  ): string[] => (object.metadata?.name === name ? [object.metadata.namespace ?? ''] : []);
  return startQueueLoop(context, {
    name: 'serviceaccount',
    concurrency: 2,
    feeds: [
      feed(informers.namespaces, ({ metadata }) => [metadata?.name ?? '']),
      feed(informers.serviceaccounts, (account) => namespaceOf(account, 'default')),
      feed(informers.rootCas, (configMap) => namespaceOf(configMap, rootCaName)),
    ],
    sync: (name) => sync(context, name),
  });
}

async function sync({ client, informers, term, settings }: LoopContext, name: string): Promise<void> {
  const namespace = informers.namespaces.get({ name });
  if (namespace === undefined) return;
  const rootCa = informers.rootCas.get({ namespace: name, name: rootCaName });
  const account = informers.serviceaccounts.get({ namespace: name, name: 'default' });
  const decision = decide({ namespace, account, rootCa, pem: settings.rootCa });
  if (decision.createAccount) {
    await tolerateExisting(
      client.create(
        resources.serviceaccounts,
        { metadata: { name: 'default', namespace: name } },
        term.write,
      ),
    );
  }
  const configMap = {
    ...rootCa,
    metadata: {
      ...rootCa?.metadata,
      name: rootCaName,
      namespace: name,
      annotations: { ...rootCa?.metadata?.annotations, 'kubernetes.io/description': description },
    },
    data: { 'ca.crt': settings.rootCa },
  };
  if (decision.rootCa === 'create') {
    await tolerateExisting(client.create(resources.configmaps, configMap, term.write));
  } else if (decision.rootCa === 'update') {
    await client.update(resources.configmaps, configMap, term.write);
  }
}

async function tolerateExisting(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}
