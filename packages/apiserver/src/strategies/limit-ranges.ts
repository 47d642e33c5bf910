/** LimitRanges: one that is given no name gets one that nothing else has. */
import { randomUUID } from 'node:crypto';
import type { Strategy } from './strategy.ts';

export const limitRangeStrategy: Strategy = {
  createsOnUpdate: true,
  prepareCreate(object) {
    const { metadata } = object;
    if (!metadata?.name) object.metadata = { ...metadata, name: randomUUID() };
  },
};
