/** The rules of all kinds that have a file of their group. */
import { accessRules } from './access.ts';
import { admissionRules } from './admission.ts';
import { autoscalingRules } from './autoscaling.ts';
import { batchRules } from './batch.ts';
import { deviceRules } from './devices.ts';
import { limitRules } from './limits.ts';
import { networkingRules } from './networking.ts';
import { podRules } from './pod.ts';
import type { Rules } from './rules.ts';
import { storageRules } from './storage.ts';
import { workloadRules } from './workloads.ts';

export const groupRules: Readonly<Record<string, Rules>> = {
  ...accessRules,
  ...admissionRules,
  ...autoscalingRules,
  ...batchRules,
  ...deviceRules,
  ...limitRules,
  ...networkingRules,
  ...podRules,
  ...storageRules,
  ...workloadRules,
};
