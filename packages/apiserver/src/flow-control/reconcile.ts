/**
 * Brings the priority levels and flow schemas that every cluster has into the cluster, and keeps them: mandatory ones
 * are always as they must be; suggested ones follow the server's as long as their annotation `autoupdate-spec` is not
 * "false", and nobody's own change is undone. What is complete already costs no write.
 */
import type { FlowSchema, PriorityLevelConfiguration } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { StatusError } from '@timonier/api/statuses';
import { cachedObject } from '../admission/cached.ts';
import type { Writer } from '../self-writer.ts';
import type { ServerState } from '../server-state.ts';
import { sameTree } from '../storage/copy.ts';
import {
  autoupdateAnnotation,
  mandatoryLevels,
  mandatorySchemas,
  suggestedLevels,
  suggestedSchemas,
} from './bootstrap-objects.ts';
import { isMandatory } from './configuration.ts';

type FlowObject = FlowSchema | PriorityLevelConfiguration;

/** Throws when the store cannot be written; the caller tries again. */
export async function reconcileFlowControl(writer: Writer, server: ServerState): Promise<void> {
  const work: (readonly [string, FlowObject])[] = [
    ...[...suggestedLevels, ...mandatoryLevels].map(
      (level) => ['prioritylevelconfigurations', level] as const,
    ),
    ...[...suggestedSchemas, ...mandatorySchemas].map((schema) => ['flowschemas', schema] as const),
  ];
  for (const [resource, wanted] of work) {
    const name = wanted.metadata?.name ?? '';
    const present = cachedObject<FlowObject>(server, resource, '', name);
    if (present !== undefined && mended(present, wanted) === undefined) continue;
    try {
      if (present === undefined) {
        await writer.create(resource, '', structuredClone(wanted) as ApiObject);
        continue;
      }
    } catch (error) {
      if (!(error instanceof StatusError) || error.status.reason !== 'AlreadyExists') throw error;
    }
    await writer.update(
      resource,
      '',
      name,
      (current) => (mended(current as FlowObject, wanted) ?? current) as ApiObject,
    );
  }
}

/** `present` as it must be or may be updated to; undefined when there is nothing to do. */
export function mended<T extends FlowObject>(present: T, wanted: T): T | undefined {
  const name = wanted.metadata?.name ?? '';
  const given = present.metadata?.annotations?.[autoupdateAnnotation];
  // Without the annotation, an object that was never changed is the server's to update.
  const isOurs =
    isMandatory(name) ||
    given === 'true' ||
    (given === undefined && (present.metadata?.generation ?? 1) === 1);
  const annotation = isOurs ? 'true' : 'false';
  const spec = isOurs ? wanted.spec : present.spec;
  if (given === annotation && sameTree(present.spec, spec)) return undefined;
  if (!isOurs && given !== undefined) return undefined;
  return {
    ...present,
    metadata: {
      ...present.metadata,
      annotations: { ...present.metadata?.annotations, [autoupdateAnnotation]: annotation },
    },
    spec: structuredClone(spec),
  };
}
