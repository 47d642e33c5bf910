/** What is special about writing a custom resource definition: its defaults, its status, and how its end begins. */
import type { ApiObject } from '@timonier/api/decode';
import { formatTime } from '@timonier/api/time';
import type { Strategy } from '../strategies/strategy.ts';
import { asDefinition, cleanupFinalizer, type Definition, withCondition } from './definition-types.ts';
import { isRecognized } from './formats.ts';
import { type JsonSchema, schemasIn } from './json-schema.ts';
import { validateDefinition, validateDefinitionStatus } from './validate-definition.ts';

export const definitionStrategy: Strategy = {
  prepareCreate(object) {
    const definition = asDefinition(object);
    definition.status = {
      conditions: [],
      acceptedNames: { plural: '', kind: '' },
      storedVersions: storageNames(definition),
    };
  },
  prepareUpdate(object) {
    const definition = asDefinition(object);
    const stored = definition.status?.storedVersions ?? [];
    const added = storageNames(definition).filter((name) => !stored.includes(name));
    if (added.length > 0) definition.status = { ...definition.status, storedVersions: [...stored, ...added] };
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
  check(object, _old, { warn }) {
    for (const warning of unrecognizedFormats(asDefinition(object))) warn?.(warning);
  },
  validate: (object: ApiObject, old: ApiObject | undefined, subresource) =>
    subresource === 'status'
      ? validateDefinitionStatus(asDefinition(object))
      : validateDefinition(asDefinition(object), old === undefined ? undefined : asDefinition(old)),
  subresources: {
    status(object) {
      const definition = asDefinition(object);
      const { storedVersions = [] } = definition.status ?? {};
      if (storedVersions.length === 0)
        definition.status = { ...definition.status, storedVersions: storageNames(definition) };
    },
  },
};

/** The version that is stored from now on, if the definition says one. */
function storageNames({ spec }: Definition): string[] {
  return spec.versions
    .filter(({ storage }) => storage)
    .slice(0, 1)
    .map(({ name }) => name);
}

/** Formats that nobody checks are most likely misspelt. */
function unrecognizedFormats({ spec }: Definition): string[] {
  const found = spec.versions.flatMap(({ schema }) => formatsIn(schema?.openAPIV3Schema ?? {}));
  return [...new Set(found.filter((format) => !isRecognized(format)))]
    .sort()
    .map((format) => `unrecognized format ${JSON.stringify(format)}`);
}

function formatsIn(schema: JsonSchema): string[] {
  return [...(schema.format ? [schema.format] : []), ...schemasIn(schema).flatMap(formatsIn)];
}
