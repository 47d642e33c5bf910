/** All admission plugins, in upstream's order, as they are told to be; those of `optional` are off by default. */
import { certificateApproval, certificateSigning, certificateSubjectRestriction } from './certificates.ts';
import { claimResize } from './claim-resize.ts';
import { defaultIngressClass, defaultStorageClass } from './default-classes.ts';
import { defaultTolerations } from './default-tolerations.ts';
import { limitRanger } from './limit-ranger.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';
import { nodeRestriction } from './node-restriction/index.ts';
import { taintNodesByCondition } from './node-taint.ts';
import { alwaysAdmit } from './optional/always-admit.ts';
import { alwaysPullImages } from './optional/always-pull-images.ts';
import { alwaysDeny } from './optional/deny.ts';
import { denyServiceExternalIps } from './optional/deny-external-ips.ts';
import { eventRateLimit } from './optional/event-rates.ts';
import { extendedResourceToleration } from './optional/extended-resources.ts';
import { limitHardAntiAffinity } from './optional/hard-anti-affinity.ts';
import { imagePolicyWebhook } from './optional/image-policy.ts';
import { namespaceAutoProvision, namespaceExists } from './optional/namespace-exists.ts';
import { ownerReferencesPermission } from './optional/owner-references.ts';
import { podNodeSelector } from './optional/pod-node-selector.ts';
import { podTolerationRestriction } from './optional/pod-tolerations.ts';
import { podResize } from './pod-resize.ts';
import { storageObjectInUseProtection } from './storage-in-use.ts';
import { mutatingAdmissionPolicy } from './policies/mutating.ts';
import { validatingAdmissionPolicy } from './policies/validating.ts';
import { podTopologyLabels } from './pod-topology.ts';
import { podSecurity } from './pod-security/index.ts';
import { priority } from './priority.ts';
import { resourceQuota } from './quota/resource-quota.ts';
import type { AdmissionPlugin } from './request.ts';
import { runtimeClass } from './runtime-class.ts';
import { serviceAccount } from './service-account.ts';
import { type AdmissionSettings, usualSettings } from './settings.ts';
import { mutatingAdmissionWebhook, validatingAdmissionWebhook } from './webhooks/plugins.ts';

export const pluginsFor = (settings: AdmissionSettings): readonly AdmissionPlugin[] => [
  alwaysAdmit,
  namespaceAutoProvision,
  namespaceLifecycle,
  namespaceExists,
  limitHardAntiAffinity,
  limitRanger,
  serviceAccount,
  nodeRestriction,
  taintNodesByCondition,
  alwaysPullImages,
  imagePolicyWebhook(settings.imagePolicy),
  podSecurity(settings.podSecurity),
  podNodeSelector(settings.nodeSelectors),
  priority,
  defaultTolerations(settings.tolerationSeconds),
  podTolerationRestriction(settings.tolerations),
  eventRateLimit(settings.eventLimits),
  extendedResourceToleration,
  defaultStorageClass,
  storageObjectInUseProtection,
  ownerReferencesPermission,
  claimResize,
  runtimeClass,
  certificateApproval,
  certificateSigning,
  certificateSubjectRestriction,
  defaultIngressClass,
  denyServiceExternalIps,
  podTopologyLabels,
  podResize,
  mutatingAdmissionPolicy,
  mutatingAdmissionWebhook,
  validatingAdmissionPolicy,
  validatingAdmissionWebhook,
  resourceQuota,
  alwaysDeny,
];

export const admissionPlugins = pluginsFor(usualSettings);
