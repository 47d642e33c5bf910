/** What is special about writing a custom resource definition: its defaults, its status, and how its end begins. */
import type { ApiObject } from '@timonier/api/decode';
import { formatTime } from '@timonier/api/time';
import type { Strategy } from '../strategies/strategy.ts';
import {
  asDefinition,
  cleanupFinalizer,
  type Definition,
  storageVersionOf,
  withCondition,
} from './definition-types.ts';
import { validateDefinition } from './validate-definition.ts';

/** The port of a webhook's Service when none is named. */
const defaultPort = 443;

export const definitionStrategy: Strategy = {
  prepareCreate(object) {
    const definition = asDefinition(object);
    fillIn(definition);
    definition.status = {
      conditions: [],
      acceptedNames: { plural: '', kind: '' },
      storedVersions: [storageVersionOf(definition)],
    };
  },
  prepareUpdate(object) {
    const definition = asDefinition(object);
    fillIn(definition);
    const stored = definition.status?.storedVersions ?? [];
    const storage = storageVersionOf(definition);
    if (storage !== '' && !stored.includes(storage))
      definition.status = { ...definition.status, storedVersions: [...stored, storage] };
  },
  prepareDelete(object, { server }) {
    const { metadata = {} } = object;
    if (metadata.deletionTimestamp !== undefined) return;
    const finalizers = metadata.finalizers ?? [];
    if (!finalizers.includes(cleanupFinalizer)) metadata.finalizers = [...finalizers, cleanupFinalizer];
    object.metadata = metadata;
    const definition = asDefinition(object);
    definition.status = {
      ...definition.status,
      conditions: withCondition(
        definition.status?.conditions ?? [],
        {
          type: 'Terminating',
          status: 'True',
          reason: 'InstanceDeletionPending',
          message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
        },
        formatTime(new Date(server.now())),
      ),
    };
  },
  validate: (object: ApiObject, old: ApiObject | undefined) =>
    validateDefinition(asDefinition(object), old === undefined ? undefined : asDefinition(old)),
};

function fillIn({ spec }: Definition): void {
  const { names } = spec;
  if (!names.singular) names.singular = (names.kind ?? '').toLowerCase();
  if (!names.listKind && names.kind) names.listKind = `${names.kind}List`;
  spec.conversion ??= { strategy: 'None' };
  const service = spec.conversion.webhook?.clientConfig?.service;
  if (service !== undefined && !service.port) service.port = defaultPort;
}
