/** The rules of all kinds that have a file of their group. */
import { accessRules } from './access.ts';
import { admissionRules } from './admission.ts';
import { autoscalingRules } from './autoscaling.ts';
import { certificateRules } from './certificate-requests.ts';
import { cronJobRules } from './cron-jobs.ts';
import { deviceRules } from './devices.ts';
import { endpointRules } from './endpoints.ts';
import { eventRules } from './events.ts';
import { flowControlRules } from './flow-control.ts';
import { ingressRules } from './ingresses.ts';
import { jobRules } from './jobs.ts';
import { limitRules } from './limits.ts';
import { networkingRules } from './networking.ts';
import { nodeRules } from './nodes.ts';
import { quotaRules } from './quotas.ts';
import { claimRules } from './persistent-claims.ts';
import { volumeRules } from './persistent-volumes.ts';
import { podRules } from './pod.ts';
import type { Rules } from './rules.ts';
import { statefulSetRules } from './stateful-sets.ts';
import { storageRules } from './storage.ts';
import { webhookRules } from './webhooks.ts';
import { workloadRules } from './workloads.ts';

export const groupRules: Readonly<Record<string, Rules>> = {
  ...accessRules,
  ...admissionRules,
  ...autoscalingRules,
  ...certificateRules,
  ...claimRules,
  ...cronJobRules,
  ...deviceRules,
  ...endpointRules,
  ...eventRules,
  ...flowControlRules,
  ...ingressRules,
  ...jobRules,
  ...limitRules,
  ...networkingRules,
  ...nodeRules,
  ...podRules,
  ...quotaRules,
  ...statefulSetRules,
  ...storageRules,
  ...volumeRules,
  ...webhookRules,
  ...workloadRules,
};
