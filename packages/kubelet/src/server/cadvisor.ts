/**
 * Resource use of containers and pods under cAdvisor's metric names and labels, from the runtime's statistics. A runtime
 * without statistics of pods leaves out what they would tell.
 */
import type * as cri from '@timonier/grpc/cri';
import { type HostFacts, readHostFacts } from '../node/host-facts.ts';
import { containerNameLabel, podNameLabel, podNamespaceLabel } from '../runtime/labels.ts';
import type { Runtime } from '../runtime/runtime.ts';

interface Family<T> {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge';
  readonly value: (stats: T) => number | undefined;
}

const ofContainers: readonly Family<cri.ContainerStats>[] = [
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
    name: 'container_memory_rss',
    help: 'Memory in use that is no cache.',
    type: 'gauge',
    value: ({ memory }) => memory?.rssBytes?.value,
  },
  {
    name: 'container_fs_usage_bytes',
    help: 'Bytes in the writable layer.',
    type: 'gauge',
    value: ({ writableLayer }) => writableLayer?.usedBytes?.value,
  },
];

const ofInterfaces: readonly Family<cri.NetworkInterfaceUsage>[] = [
  {
    name: 'container_network_receive_bytes_total',
    help: 'Bytes received.',
    type: 'counter',
    value: ({ rxBytes }) => rxBytes?.value,
  },
  {
    name: 'container_network_transmit_bytes_total',
    help: 'Bytes sent.',
    type: 'counter',
    value: ({ txBytes }) => txBytes?.value,
  },
  {
    name: 'container_network_receive_errors_total',
    help: 'Errors while receiving.',
    type: 'counter',
    value: ({ rxErrors }) => rxErrors?.value,
  },
  {
    name: 'container_network_transmit_errors_total',
    help: 'Errors while sending.',
    type: 'counter',
    value: ({ txErrors }) => txErrors?.value,
  },
];

const ofMachines: readonly Family<HostFacts>[] = [
  { name: 'machine_cpu_cores', help: 'Processors.', type: 'gauge', value: ({ cpus }) => cpus },
  { name: 'machine_memory_bytes', help: 'Memory.', type: 'gauge', value: ({ memoryBytes }) => memoryBytes },
];

type Labels = Readonly<Record<string, string>>;

export async function cadvisorMetrics({ cri: { runtime } }: Runtime): Promise<string> {
  const [facts, { stats }, { containers }, pods] = await Promise.all([
    readHostFacts(),
    runtime.ListContainerStats({}),
    runtime.ListContainers({}),
    runtime.ListPodSandboxStats({}).then(
      (answer) => answer.stats,
      () => [],
    ),
  ]);
  const images = new Map(
    containers.map(({ id, image, imageRef }) => [
      id,
      // containerd lists ids where a name was asked for.
      image?.userSpecifiedImage || image?.image || imageRef,
    ]),
  );
  const interfaces = pods.flatMap((pod) =>
    interfacesOf(pod).map((one) => [podLabels(pod, one.name), one] as const),
  );
  const { bootId: boot_id, machineId: machine_id, systemUuid: system_uuid } = facts;
  return `${[
    ...linesOf(ofMachines, [[{ boot_id, machine_id, system_uuid }, facts]]),
    ...linesOf(
      ofContainers,
      stats.map((one) => [containerLabels(one, images), one]),
    ),
    ...linesOf(ofInterfaces, interfaces),
  ].join('\n')}\n`;
}

function linesOf<T>(families: readonly Family<T>[], entries: readonly (readonly [Labels, T])[]): string[] {
  return families.flatMap(({ name, help, type, value }) => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...entries.flatMap(([labels, stats]) => {
      const number = value(stats);
      return number === undefined ? [] : [`${name}{${textOf(labels)}} ${number}`];
    }),
  ]);
}

function containerLabels({ attributes }: cri.ContainerStats, images: ReadonlyMap<string, string>): Labels {
  const { id = '', labels = {} } = attributes ?? {};
  return {
    container: labels[containerNameLabel] ?? '',
    id,
    image: images.get(id) ?? '',
    name: id,
    namespace: labels[podNamespaceLabel] ?? '',
    pod: labels[podNameLabel] ?? '',
  };
}

function podLabels({ attributes }: cri.PodSandboxStats, name: string): Labels {
  const { id = '', labels = {} } = attributes ?? {};
  return {
    id,
    interface: name,
    namespace: labels[podNamespaceLabel] ?? '',
    pod: labels[podNameLabel] ?? '',
  };
}

/** The default one apart, or among the others. */
function interfacesOf({ linux }: cri.PodSandboxStats): cri.NetworkInterfaceUsage[] {
  const { defaultInterface, interfaces = [] } = linux?.network ?? {};
  const others = interfaces.filter(({ name }) => name !== defaultInterface?.name);
  return defaultInterface === undefined ? others : [defaultInterface, ...others];
}

function textOf(labels: Labels): string {
  return Object.entries(labels)
    .map(([key, text]) => `${key}="${text.replace(/[\\"\n]/g, '_')}"`)
    .join(',');
}
