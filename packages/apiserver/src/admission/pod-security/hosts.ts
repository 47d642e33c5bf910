/** Hosts that a container has the kubelet connect to, by its probes and hooks. Pure. */
import type { LifecycleHandler, Probe } from '@timonier/api';
import type { AnyContainer } from './subject.ts';

export function hostsOf(container: AnyContainer): readonly string[] {
  const { livenessProbe, readinessProbe, startupProbe, lifecycle } = container;
  return [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop].flatMap(
    hostsOfHandler,
  );
}

function hostsOfHandler(handler: Probe | LifecycleHandler | undefined): string[] {
  return [handler?.httpGet?.host ?? '', handler?.tcpSocket?.host ?? ''].filter((host) => host !== '');
}
