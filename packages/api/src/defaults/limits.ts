/** Defaults of limit ranges, flow control and device claims. */
import type {
  DeviceClaim,
  FlowSchema,
  LimitRange,
  PriorityLevelConfiguration,
  ResourceClaim,
  ResourceClaimTemplate,
} from '../generated/types.ts';

/** For containers a limit follows from the maximum, and a request from the limit or the minimum. */
export function defaultLimitRange({ spec }: LimitRange): void {
  for (const item of spec?.limits ?? []) {
    if (item.type !== 'Container') continue;
    const limits = { ...item.max, ...item.default };
    const requests = { ...item.min, ...limits, ...item.defaultRequest };
    if (Object.keys(limits).length > 0) item.default = limits;
    if (Object.keys(requests).length > 0) item.defaultRequest = requests;
  }
}

const NOMINAL_SHARES = 30;
const QUEUES = 64;
const HAND_SIZE = 8;
const QUEUE_LENGTH = 50;
const PRECEDENCE = 1_000;

export function defaultPriorityLevel({ spec }: PriorityLevelConfiguration): void {
  if (spec?.exempt !== undefined) {
    spec.exempt.nominalConcurrencyShares ??= 0;
    spec.exempt.lendablePercent ??= 0;
  }
  if (spec?.limited === undefined) return;
  spec.limited.nominalConcurrencyShares ??= NOMINAL_SHARES;
  spec.limited.lendablePercent ??= 0;
  const queuing = spec.limited.limitResponse?.queuing;
  if (queuing === undefined) return;
  queuing.queues ||= QUEUES;
  queuing.handSize ||= HAND_SIZE;
  queuing.queueLengthLimit ||= QUEUE_LENGTH;
}

export function defaultFlowSchema({ spec }: FlowSchema): void {
  if (spec !== undefined) spec.matchingPrecedence ||= PRECEDENCE;
}

export function defaultResourceClaim({ spec }: ResourceClaim): void {
  defaultDevices(spec?.devices);
}

export function defaultResourceClaimTemplate({ spec }: ResourceClaimTemplate): void {
  defaultDevices(spec?.spec?.devices);
}

function defaultDevices(devices: DeviceClaim | undefined): void {
  for (const request of devices?.requests ?? []) {
    const exact = request.exactly === undefined ? [] : [request.exactly];
    for (const one of [...exact, ...(request.firstAvailable ?? [])]) {
      one.allocationMode ||= 'ExactCount';
      if (one.allocationMode === 'ExactCount') one.count ||= 1;
    }
  }
}
