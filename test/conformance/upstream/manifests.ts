/** Objects that many sentences begin with. */

export interface PodSpec {
  readonly command?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** More of the pod's specification. */
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly cpu?: string;
}

export function podTemplate({ command, labels = {}, annotations = {}, spec = {}, cpu }: PodSpec) {
  return {
    metadata: { labels, annotations },
    spec: {
      terminationGracePeriodSeconds: 1,
      // The nodes that sentences take away or add are for those who ask for them.
      nodeSelector: { pool: 'main' },
      containers: [
        {
          name: 'main',
          image: 'registry.example/app:1',
          ...(command === undefined ? {} : { command }),
          ...(cpu === undefined ? {} : { resources: { requests: { cpu } } }),
        },
      ],
      ...spec,
    },
  };
}

export function pod(name: string, options: PodSpec = {}) {
  const { metadata, spec } = podTemplate(options);
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, ...metadata }, spec };
}

/** Something that keeps pods of the label `app`, its own name. */
export function workload(
  kind: 'Deployment' | 'ReplicaSet' | 'StatefulSet' | 'DaemonSet',
  name: string,
  spec: Readonly<Record<string, unknown>>,
  options: PodSpec = {},
) {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name },
    spec: {
      selector: { matchLabels: labels },
      template: podTemplate({ ...options, labels: { ...labels, ...options.labels } }),
      ...spec,
    },
  };
}
