/**
 * Jobs: unless the client insists on its own, the selector is the job's uid, which no other job's pods can have, and the
 * pods are labelled with it and with the job's name.
 */
import type { Job } from '@timonier/api';
import type { Strategy } from './strategy.ts';

const uidLabel = 'batch.kubernetes.io/controller-uid';
const nameLabel = 'batch.kubernetes.io/job-name';

export const jobStrategy: Strategy = {
  asOwned(object) {
    const { spec, metadata } = object as unknown as Job;
    const labels = spec?.template?.metadata?.labels ?? {};
    const isLabelled = Object.keys(metadata?.labels ?? {}).length > 0;
    return isLabelled || Object.keys(labels).length === 0
      ? object
      : { ...object, metadata: { ...metadata, labels } };
  },
  prepareCreate(object) {
    const { spec, metadata } = object as unknown as Job;
    if (spec === undefined || spec.manualSelector === true) return;
    const { uid = '', name = '' } = metadata ?? {};
    const template = spec.template ?? {};
    const own = { [nameLabel]: name, 'job-name': name, [uidLabel]: uid, 'controller-uid': uid };
    // A label that the client chose stays, for validation to refuse: the job would not find its pods.
    template.metadata = { ...template.metadata, labels: { ...own, ...template.metadata?.labels } };
    spec.template = template;
    // A job without labels has those of its pods.
    if (Object.keys(metadata?.labels ?? {}).length === 0)
      object.metadata = { ...metadata, labels: { ...template.metadata.labels } };
    spec.selector = {
      ...spec.selector,
      matchLabels: { ...spec.selector?.matchLabels, [uidLabel]: uid },
    };
  },
};
