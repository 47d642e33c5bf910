/**
 * The two kinds that keep a number of pods. A ReplicationController is looked at as the ReplicaSet that it would be:
 * its selector is a plain map of labels, and all else is alike.
 */
import { type ReplicaSet, type ReplicationController, resources } from '@timonier/api';
import { type CatchingInformer, keyOf, objectKey, parseKey } from '@timonier/client';
import { feed, type Feed, type LoopContext } from '../loop.ts';

export interface ReplicaKind {
  /** Of the controller. */
  readonly name: string;
  readonly kind: string;
  readonly apiVersion: string;
  get(context: LoopContext, key: string): ReplicaSet | undefined;
  inNamespace(context: LoopContext, namespace: string): readonly ReplicaSet[];
  feed(context: LoopContext): Feed;
  /** Writes the set's status, and returns the version that holds it. */
  writeStatus(context: LoopContext, set: ReplicaSet): Promise<string | undefined>;
  informer(context: LoopContext): Pick<CatchingInformer<ReplicaSet | ReplicationController>, 'catchUp'>;
}

export const replicaSets: ReplicaKind = {
  name: 'replicaset',
  kind: 'ReplicaSet',
  apiVersion: 'apps/v1',
  get: ({ informers }, key) => informers.replicasets.get(parseKey(key)),
  inNamespace: ({ informers }, namespace) => informers.replicasets.byIndex('namespace', namespace),
  feed: ({ informers }) => feed(informers.replicasets, (set) => [objectKey(set)]),
  writeStatus: async ({ client, term }, set) => {
    const options = { ...term.write, subresource: 'status' };
    return (await client.update(resources.replicasets, set, options)).metadata?.resourceVersion;
  },
  informer: ({ informers }) => informers.replicasets,
};

export const replicationControllers: ReplicaKind = {
  name: 'replicationcontroller',
  kind: 'ReplicationController',
  apiVersion: 'v1',
  get: ({ informers }, key) => {
    const found = informers.replicationcontrollers.get(parseKey(key));
    return found === undefined ? undefined : asSet(found);
  },
  inNamespace: ({ informers }, namespace) =>
    informers.replicationcontrollers.byIndex('namespace', namespace).map(asSet),
  feed: ({ informers }) => feed(informers.replicationcontrollers, (controller) => [objectKey(controller)]),
  writeStatus: async ({ client, informers, term }, set) => {
    const { name = '', namespace } = set.metadata ?? {};
    const stored = informers.replicationcontrollers.get(parseKey(keyOf({ namespace, name })));
    if (stored === undefined) return undefined;
    const options = { ...term.write, subresource: 'status' };
    const { metadata } = set;
    const wanted = { ...stored, ...(metadata === undefined ? {} : { metadata }), status: set.status };
    return (await client.update(resources.replicationcontrollers, wanted as ReplicationController, options))
      .metadata?.resourceVersion;
  },
  informer: ({ informers }) => informers.replicationcontrollers,
};

/** The set that a controller would be; its kind stays what it is, for events and owners. */
function asSet({ spec, ...rest }: ReplicationController): ReplicaSet {
  const { selector, ...others } = spec ?? {};
  return { ...rest, spec: { ...others, selector: { matchLabels: selector ?? {} } } };
}
