/**
 * Fills in what an object leaves open. In: a decoded object of a resource. Out: the same object, filled in place:
 * first the defaults that the schema names, then those of the kind, which are pure functions under `defaults/`.
 * Invariant: applying twice changes nothing more, and nothing that is set is changed.
 */
import type { CustomKind } from './custom.ts';
import type { ApiObject } from './object.ts';
import {
  defaultAdmissionPolicy,
  defaultApiService,
  defaultMutatingWebhooks,
  defaultPolicyBinding,
  defaultValidatingWebhooks,
} from './defaults/admission.ts';
import { defaultAutoscaler, defaultOldAutoscaler } from './defaults/autoscaling.ts';
import {
  defaultFlowSchema,
  defaultLimitRange,
  defaultPriorityLevel,
  defaultResourceClaim,
  defaultResourceClaimTemplate,
} from './defaults/limits.ts';
import {
  defaultEndpoints,
  defaultEndpointSlice,
  defaultIngressClass,
  defaultNetworkPolicy,
  defaultService,
} from './defaults/network.ts';
import { defaultDefinition } from './defaults/definitions.ts';
import { defaultPod, defaultPodTemplate } from './defaults/pod.ts';
import {
  defaultCsiDriver,
  defaultNamespace,
  defaultNode,
  defaultPersistentVolume,
  defaultPersistentVolumeClaim,
  defaultPriorityClass,
  defaultRoleBinding,
  defaultSecret,
  defaultStorageClass,
  defaultTokenRequest,
} from './defaults/records.ts';
import {
  defaultCronJob,
  defaultDaemonSet,
  defaultDeployment,
  defaultJob,
  defaultReplicaSet,
  defaultReplicationController,
  defaultStatefulSet,
} from './defaults/workloads.ts';
export { templateGeneration } from './defaults/workloads.ts';
import type { PodTemplate } from './generated/types.ts';
import { setOwn } from './json.ts';
import { apiVersionOf } from './registry.ts';
import type { Schema } from './schema.ts';

/** A function is only ever given objects of its own kind; the table cannot say so in types. */
function of(fill: (object: never) => void): (object: ApiObject) => void {
  return (object) => fill(object as never);
}

const BY_KIND: Readonly<Record<string, (object: ApiObject) => void>> = {
  'apiextensions.k8s.io/v1/CustomResourceDefinition': of(defaultDefinition),
  'v1/Pod': of(defaultPod),
  'v1/PodTemplate': of((object: PodTemplate) => defaultPodTemplate(object.template)),
  'v1/ReplicationController': of(defaultReplicationController),
  'v1/Endpoints': of(defaultEndpoints),
  'v1/LimitRange': of(defaultLimitRange),
  'v1/Service': of(defaultService),
  'v1/Namespace': of(defaultNamespace),
  'v1/Node': of(defaultNode),
  'v1/Secret': of(defaultSecret),
  'v1/PersistentVolume': of(defaultPersistentVolume),
  'v1/PersistentVolumeClaim': of(defaultPersistentVolumeClaim),
  'apps/v1/Deployment': of(defaultDeployment),
  'apps/v1/ReplicaSet': of(defaultReplicaSet),
  'apps/v1/StatefulSet': of(defaultStatefulSet),
  'apps/v1/DaemonSet': of(defaultDaemonSet),
  'batch/v1/Job': of(defaultJob),
  'batch/v1/CronJob': of(defaultCronJob),
  'discovery.k8s.io/v1/EndpointSlice': of(defaultEndpointSlice),
  'networking.k8s.io/v1/NetworkPolicy': of(defaultNetworkPolicy),
  'storage.k8s.io/v1/StorageClass': of(defaultStorageClass),
  'storage.k8s.io/v1/CSIDriver': of(defaultCsiDriver),
  'networking.k8s.io/v1/IngressClass': of(defaultIngressClass),
  'autoscaling/v2/HorizontalPodAutoscaler': of(defaultAutoscaler),
  'autoscaling/v1/HorizontalPodAutoscaler': of(defaultOldAutoscaler),
  'admissionregistration.k8s.io/v1/MutatingWebhookConfiguration': of(defaultMutatingWebhooks),
  'admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration': of(defaultValidatingWebhooks),
  'admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy': of(defaultAdmissionPolicy),
  'admissionregistration.k8s.io/v1/MutatingAdmissionPolicy': of(defaultAdmissionPolicy),
  'admissionregistration.k8s.io/v1/ValidatingAdmissionPolicyBinding': of(defaultPolicyBinding),
  'admissionregistration.k8s.io/v1/MutatingAdmissionPolicyBinding': of(defaultPolicyBinding),
  'apiregistration.k8s.io/v1/APIService': of(defaultApiService),
  'flowcontrol.apiserver.k8s.io/v1/FlowSchema': of(defaultFlowSchema),
  'flowcontrol.apiserver.k8s.io/v1/PriorityLevelConfiguration': of(defaultPriorityLevel),
  'resource.k8s.io/v1/ResourceClaim': of(defaultResourceClaim),
  'resource.k8s.io/v1/ResourceClaimTemplate': of(defaultResourceClaimTemplate),
  'scheduling.k8s.io/v1/PriorityClass': of(defaultPriorityClass),
  'rbac.authorization.k8s.io/v1/RoleBinding': of(defaultRoleBinding),
  'rbac.authorization.k8s.io/v1/ClusterRoleBinding': of(defaultRoleBinding),
  'authentication.k8s.io/v1/TokenRequest': of(defaultTokenRequest),
};

/** Fills the object in place and returns it. `type` is a `ResourceInfo`, or the kind and schema of a subresource. */
export function applyDefaults(
  type: {
    readonly group: string;
    readonly version: string;
    readonly kind: string;
    readonly schema: Schema;
    readonly custom?: CustomKind | undefined;
  },
  object: ApiObject,
): ApiObject {
  if (type.custom !== undefined) {
    type.custom.applyDefaults(object);
    return object;
  }
  fillFromSchema(type.schema, object);
  BY_KIND[`${apiVersionOf(type)}/${type.kind}`]?.(object);
  return object;
}

const carries = new Map<Schema, boolean>();

/** Whether a place, or one below it, names a default: most do not, and need no walk. */
function carriesDefault(schema: Schema): boolean {
  const known = carries.get(schema);
  if (known !== undefined) return known;
  carries.set(schema, false); // ends the recursion of schemas that contain themselves
  let found = schema.default !== undefined;
  if (schema.items !== undefined) found ||= carriesDefault(schema.items);
  if (schema.values !== undefined) found ||= carriesDefault(schema.values);
  for (const field of schema.fields.values()) {
    if (carriesDefault(field)) {
      found = true;
      break;
    }
  }
  carries.set(schema, found);
  return found;
}

const concerned = new Map<Schema, readonly (readonly [string, Schema])[]>();

/** The fields of an object that have a default, or one below them. */
function defaultFields(schema: Schema): readonly (readonly [string, Schema])[] {
  let fields = concerned.get(schema);
  if (fields === undefined) {
    fields = [...schema.fields].filter(([, field]) => carriesDefault(field));
    concerned.set(schema, fields);
  }
  return fields;
}

function fillFromSchema(schema: Schema, value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    if (schema.items !== undefined && carriesDefault(schema.items)) {
      for (const item of value as unknown[]) fillFromSchema(schema.items, item);
    }
    return;
  }
  const target = value as Record<string, unknown>;
  if (schema.values !== undefined) {
    if (carriesDefault(schema.values)) {
      for (const item of Object.values(target)) fillFromSchema(schema.values, item);
    }
    return;
  }
  for (const [name, field] of defaultFields(schema)) {
    const given = target[name];
    if (given === undefined || (!field.pointer && (given === '' || given === 0))) {
      const { default: fallback } = field;
      // A zero default of a plain field is its absence.
      const isZero = !field.pointer && (fallback === '' || fallback === 0 || fallback === false);
      if (fallback !== undefined && !isZero)
        setOwn(target, name, typeof fallback === 'object' ? structuredClone(fallback) : fallback);
    }
    fillFromSchema(field, target[name]);
  }
}
