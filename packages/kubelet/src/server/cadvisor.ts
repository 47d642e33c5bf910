/** Resource use of containers under cAdvisor's metric names, from the runtime's statistics. */
import type * as cri from '@timonier/grpc/cri';
import { containerNameLabel, podNameLabel, podNamespaceLabel } from '../runtime/labels.ts';
import type { Runtime } from '../runtime/runtime.ts';

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge';
  readonly value: (stats: cri.ContainerStats) => number | undefined;
}

const families: readonly Family[] = [
  {
    name: 'container_cpu_usage_seconds_total',
    help: 'CPU time used.',
    type: 'counter',
    value: ({ cpu }) =>
      cpu?.usageCoreNanoSeconds === undefined ? undefined : cpu.usageCoreNanoSeconds.value / 1e9,
  },
  {
    name: 'container_memory_working_set_bytes',
    help: 'Memory in use that cannot be taken back easily.',
    type: 'gauge',
    value: ({ memory }) => memory?.workingSetBytes?.value,
  },
  {
    name: 'container_memory_usage_bytes',
    help: 'Memory in use.',
    type: 'gauge',
    value: ({ memory }) => memory?.usageBytes?.value,
  },
  {
    name: 'container_fs_usage_bytes',
    help: 'Bytes in the writable layer.',
    type: 'gauge',
    value: ({ writableLayer }) => writableLayer?.usedBytes?.value,
  },
];

export async function cadvisorMetrics(runtime: Runtime): Promise<string> {
  const { stats } = await runtime.cri.runtime.ListContainerStats({});
  const lines: string[] = [];
  for (const { name, help, type, value } of families) {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    for (const one of stats) {
      const number = value(one);
      if (number !== undefined) lines.push(`${name}{${labelsOf(one)}} ${number}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function labelsOf({ attributes }: cri.ContainerStats): string {
  const labels = attributes?.labels ?? {};
  const pairs = {
    container: labels[containerNameLabel] ?? '',
    id: attributes?.id ?? '',
    namespace: labels[podNamespaceLabel] ?? '',
    pod: labels[podNameLabel] ?? '',
  };
  return Object.entries(pairs)
    .map(([key, text]) => `${key}="${text.replace(/[\\"\n]/g, '_')}"`)
    .join(',');
}
