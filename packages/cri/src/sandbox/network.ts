/** A sandbox joins the pod network and leaves it again. */
import { existsSync } from 'node:fs';
import { addressesOf, type PodNetwork } from '../runtime/cni.ts';
import type { Runtime } from '../runtime/context.ts';
import type { SandboxRecord } from '../runtime/records.ts';

export async function joinNetwork(runtime: Runtime, record: SandboxRecord): Promise<void> {
  const { net } = record.namespaces;
  if (net === undefined) return;
  const cniResult = await runtime.cni.add(podNetwork(record, net));
  runtime.sandboxes.update(record.id, { cniResult, addresses: addressesOf(cniResult) });
}

export async function leaveNetwork(runtime: Runtime, sandbox: SandboxRecord): Promise<void> {
  const { net } = sandbox.namespaces;
  // A network that cannot be released must stay visible as a failure: its address would leak. After a reboot the
  // namespace is gone, but the address is still taken; plugins release it when they are given no namespace.
  if (net !== undefined && sandbox.cniResult !== undefined) {
    await runtime.cni.remove(podNetwork(sandbox, existsSync(net) ? net : ''), sandbox.cniResult);
    runtime.sandboxes.update(sandbox.id, { cniResult: undefined });
  }
}

function podNetwork(record: SandboxRecord, namespacePath: string): PodNetwork {
  const { metadata, portMappings } = record.config;
  return {
    sandboxId: record.id,
    namespacePath,
    podName: metadata?.name ?? '',
    podNamespace: metadata?.namespace ?? '',
    podUid: metadata?.uid ?? '',
    portMappings,
  };
}
