/** CRI's resource limits in the form of the OCI runtime specification. */
import { readFileSync } from 'node:fs';
import type { LinuxContainerResources } from '@timonier/grpc/cri';

/** Zero means "not set" in CRI. Limits that are not set stay as they are. */
export function ociResources(resources: LinuxContainerResources | undefined): Record<string, unknown> {
  if (resources === undefined) return {};
  const cpu = {
    ...(resources.cpuShares > 0 ? { shares: resources.cpuShares } : {}),
    ...(resources.cpuQuota === 0 ? {} : { quota: resources.cpuQuota }),
    ...(resources.cpuPeriod > 0 ? { period: resources.cpuPeriod } : {}),
    ...(resources.cpusetCpus === '' ? {} : { cpus: resources.cpusetCpus }),
    ...(resources.cpusetMems === '' ? {} : { mems: resources.cpusetMems }),
  };
  const memory = {
    ...(resources.memoryLimitInBytes > 0 ? { limit: resources.memoryLimitInBytes } : {}),
    ...(resources.memorySwapLimitInBytes > 0 ? { swap: resources.memorySwapLimitInBytes } : {}),
  };
  return {
    ...(Object.keys(cpu).length === 0 ? {} : { cpu }),
    ...(Object.keys(memory).length === 0 ? {} : { memory }),
    ...(Object.keys(resources.unified).length === 0 ? {} : { unified: resources.unified }),
    ...(resources.hugepageLimits.length === 0
      ? {}
      : { hugepageLimits: resources.hugepageLimits.map(({ pageSize, limit }) => ({ pageSize, limit })) }),
  };
}

const capSysResource = 24n;

/**
 * The out-of-memory score this process can really set: lowering it below our own needs CAP_SYS_RESOURCE, which a
 * nested machine may lack. `downgraded` says that the wish could not be met.
 */
export function allowedOomScore(wish: number): { readonly value: number; readonly downgraded: boolean } {
  const status = readFileSync('/proc/self/status', 'utf8');
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  const own = Number(readFileSync('/proc/self/oom_score_adj', 'utf8'));
  const free = (effective >> capSysResource) % 2n === 1n;
  return free || wish >= own ? { value: wish, downgraded: false } : { value: own, downgraded: true };
}
