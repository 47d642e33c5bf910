/** The strategies by resource; a resource that is not listed has nothing special. */
import type { ResourceInfo } from '@timonier/api';
import { bindingStrategy, roleStrategy } from '../authorization/escalation.ts';
import { apiServiceStrategy } from '../aggregation/api-service-strategy.ts';
import { customStrategy } from '../extensions/custom-strategy.ts';
import { definitionStrategy } from '../extensions/definition-strategy.ts';
import {
  mutatingBindingStrategy,
  mutatingPolicyStrategy,
  validatingBindingStrategy,
  validatingPolicyStrategy,
  webhookStrategy,
} from './admission-registration.ts';
import { namespaceStrategy } from './namespaces.ts';
import { certificateStrategy } from './certificates.ts';
import { daemonSetStrategy } from './daemon-sets.ts';
import {
  deviceClassStrategy,
  resourceClaimStrategy,
  resourceClaimTemplateStrategy,
} from './device-selectors.ts';
import { driverStrategy } from './drivers.ts';
import { jobStrategy } from './jobs.ts';
import { limitRangeStrategy } from './limit-ranges.ts';
import { nodeStrategy } from './nodes.ts';
import { podStrategy } from './pods.ts';
import { priorityClassStrategy } from './priority-classes.ts';
import { resourceSliceStrategy } from './resource-slices.ts';
import { secretStrategy } from './secrets.ts';
import { serviceAccountStrategy } from './service-accounts.ts';
import { serviceRangeStrategy } from './service-ranges.ts';
import { serviceStrategy } from './services.ts';
import { allFrozen, type Strategy } from './strategy.ts';
import { claimStrategy, volumeStrategy } from './volumes.ts';

export type { Strategy } from './strategy.ts';

/** As upstream. */
const eventTtlSeconds = 3_600;
const plain: Strategy = {};
const strategies: Readonly<Record<string, Strategy>> = {
  '/namespaces': namespaceStrategy,
  '/nodes': nodeStrategy,
  '/persistentvolumeclaims': claimStrategy,
  '/persistentvolumes': volumeStrategy,
  '/pods': podStrategy,
  '/limitranges': limitRangeStrategy,
  '/secrets': secretStrategy,
  '/serviceaccounts': serviceAccountStrategy,
  '/services': serviceStrategy,
  '/endpoints': { createsOnUpdate: true },
  '/events': { createsOnUpdate: true, ttlSeconds: eventTtlSeconds },
  'events.k8s.io/events': { createsOnUpdate: true, ttlSeconds: eventTtlSeconds },
  'admissionregistration.k8s.io/mutatingadmissionpolicies': mutatingPolicyStrategy,
  'admissionregistration.k8s.io/mutatingadmissionpolicybindings': mutatingBindingStrategy,
  'admissionregistration.k8s.io/mutatingwebhookconfigurations': webhookStrategy,
  'admissionregistration.k8s.io/validatingadmissionpolicies': {
    ...validatingPolicyStrategy,
    frozenByStatus: allFrozen,
  },
  'admissionregistration.k8s.io/validatingadmissionpolicybindings': validatingBindingStrategy,
  'admissionregistration.k8s.io/validatingwebhookconfigurations': webhookStrategy,
  'apps/daemonsets': daemonSetStrategy,
  'apps/deployments': { countedMetadata: ['annotations'], frozenByStatus: ['labels'] },
  'batch/jobs': jobStrategy,
  'certificates.k8s.io/certificatesigningrequests': certificateStrategy,
  'discovery.k8s.io/endpointslices': { countedMetadata: ['labels'], countsDropped: true },
  'scheduling.k8s.io/priorityclasses': priorityClassStrategy,
  'storage.k8s.io/csidrivers': driverStrategy,
  'storage.k8s.io/volumeattachments': { frozenByStatus: allFrozen },
  'flowcontrol.apiserver.k8s.io/flowschemas': { frozenByStatus: allFrozen },
  'flowcontrol.apiserver.k8s.io/prioritylevelconfigurations': { frozenByStatus: allFrozen },
  'networking.k8s.io/servicecidrs': { ...serviceRangeStrategy, frozenByStatus: allFrozen },
  'resource.k8s.io/deviceclasses': deviceClassStrategy,
  'resource.k8s.io/resourceslices': resourceSliceStrategy,
  'resource.k8s.io/resourceclaims': { ...resourceClaimStrategy, frozenByStatus: allFrozen },
  'resource.k8s.io/resourceclaimtemplates': resourceClaimTemplateStrategy,
  'coordination.k8s.io/leases': { createsOnUpdate: true },
  'node.k8s.io/runtimeclasses': { createsOnUpdate: true },
  'rbac.authorization.k8s.io/clusterroles': roleStrategy,
  'rbac.authorization.k8s.io/roles': roleStrategy,
  'rbac.authorization.k8s.io/clusterrolebindings': bindingStrategy,
  'rbac.authorization.k8s.io/rolebindings': bindingStrategy,
  'apiextensions.k8s.io/customresourcedefinitions': definitionStrategy,
  'apiregistration.k8s.io/apiservices': { ...apiServiceStrategy, frozenByStatus: allFrozen },
};

/** Every write asks several times. */
const byInfo = new WeakMap<object, Strategy>();

export function strategyOf(
  info: Pick<ResourceInfo, 'group' | 'resource'> & Partial<Pick<ResourceInfo, 'custom'>>,
): Strategy {
  if (info.custom !== undefined) return customStrategy;
  let strategy = byInfo.get(info);
  if (strategy === undefined) {
    strategy = strategies[`${info.group}/${info.resource}`] ?? plain;
    byInfo.set(info, strategy);
  }
  return strategy;
}
