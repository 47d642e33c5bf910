/**
 * componentstatuses: whether the parts of the control plane answer, asked at the moment of the request. Nothing is
 * stored. Deprecated upstream, and still what `kubectl get cs` shows.
 */
import type { ComponentStatus } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { notFound, StatusError } from '@timonier/api/statuses';
import { contentTypes } from '../http/media.ts';
import { encodeObject } from '../pipeline/encode.ts';
import { includeObjectOf, representationOf, respondList } from '../pipeline/respond.ts';
import type { RequestContext } from '../request-context.ts';
import { fromStored, toStored } from '../storage/stored-object.ts';

const deadlineMs = 2_000;
/** The store, and where control loops of this host say how they are. */
const components: Readonly<Record<string, (context: RequestContext) => Promise<string>>> = {
  'controller-manager': () => healthOf(10_257),
  'etcd-0': async ({ server }) => {
    await server.store.range({ key: '/timonier/health', countOnly: true });
    return 'ok';
  },
  scheduler: () => healthOf(10_259),
};

export async function listComponentStatuses(context: RequestContext): Promise<void> {
  const { exchange, target } = context;
  const representation = representationOf(exchange);
  const items = await Promise.all(Object.keys(components).map((name) => statusOf(context, name)));
  const stored = items.map((item) => fromStored(item.metadata?.name ?? '', toStored(item), 0, 0));
  const options = { info: target.info, representation, includeObject: includeObjectOf(exchange) };
  await respondList(exchange, stored, { resourceVersion: '' }, options);
}

export async function getComponentStatus(context: RequestContext): Promise<void> {
  const { exchange, target } = context;
  // Upstream calls them by the one name that they have no other resource's by.
  if (!Object.hasOwn(components, target.name))
    throw new StatusError(notFound({ group: '', resource: 'componentstatus' }, target.name));
  const representation = representationOf(exchange);
  const status = await statusOf(context, target.name);
  const options = { info: target.info, representation, includeObject: includeObjectOf(exchange) };
  await exchange.send(200, contentTypes[representation.media], encodeObject(status, options));
}

async function statusOf(context: RequestContext, name: string): Promise<ApiObject> {
  const ask = components[name] ?? ((): Promise<string> => Promise.reject(new Error('not known')));
  const condition = await ask(context).then(
    (message) => ({ type: 'Healthy', status: 'True', message }),
    (error: unknown) => ({ type: 'Healthy', status: 'False', message: reasonOf(error) }),
  );
  const status: ComponentStatus = {
    kind: 'ComponentStatus',
    apiVersion: 'v1',
    metadata: { name },
    conditions: [condition],
  };
  return status as unknown as ApiObject;
}

async function healthOf(port: number): Promise<string> {
  const url = `http://127.0.0.1:${port}/livez`;
  const answer = await fetch(url, { signal: AbortSignal.timeout(deadlineMs) });
  const text = (await answer.text()).trim();
  if (!answer.ok) throw new Error(text);
  return text;
}

function reasonOf(error: unknown): string {
  const { message, cause } = error instanceof Error ? error : new Error(String(error));
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}
