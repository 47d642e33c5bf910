/**
 * Debian's containerd as the host's runtime: its configuration, so that every host has an instance of its own with
 * its own root, state and socket, serving CRI v1 beside nobody.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

export const containerdConfigPath = '/run/timonier/containerd/config.toml';

export interface ContainerdOptions {
  readonly socket: string;
  readonly root: string;
  readonly state: string;
  readonly metricsAddress: string;
  readonly sandboxImage: string;
  /** OCI runtime binary: crun or runc. */
  readonly runtime: string;
  /** Registry hosts that speak plain HTTP. */
  readonly plainRegistries: readonly string[];
}

export function containerdConfig(options: ContainerdOptions): string {
  const mirrors = options.plainRegistries.map(
    (host) => `
      [plugins."io.containerd.grpc.v1.cri".registry.mirrors."${host}"]
        endpoint = ["http://${host}"]`,
  );
  return `version = 2
root = "${options.root}"
state = "${options.state}"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing",
]

[grpc]
  address = "${options.socket}"

[metrics]
  address = "${options.metricsAddress}"

[plugins]
  [plugins."io.containerd.grpc.v1.cri"]
    sandbox_image = "${options.sandboxImage}"
    restrict_oom_score_adj = true
    stream_server_address = "127.0.0.1"
    stream_server_port = "0"
    [plugins."io.containerd.grpc.v1.cri".cni]
      bin_dir = "/usr/lib/cni"
      conf_dir = "/etc/cni/net.d"
    [plugins."io.containerd.grpc.v1.cri".containerd]
      default_runtime_name = "default"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.default]
        runtime_type = "io.containerd.runc.v2"
        [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.default.options]
          BinaryName = "${options.runtime}"
          SystemdCgroup = false
    [plugins."io.containerd.grpc.v1.cri".registry]${mirrors.join('')}
`;
}

export function writeContainerdConfig(path: string, options: ContainerdOptions): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, containerdConfig(options));
}

/** Made on the machine, so that no sandbox waits for a registry. */
export const pauseImage = 'timonier.local/pause:latest';

/** What a host of a Timonier cluster uses. */
export const hostContainerd: ContainerdOptions = {
  socket: '/run/timonier/containerd.sock',
  root: '/var/lib/containerd',
  state: '/run/timonier/containerd',
  metricsAddress: '0.0.0.0:10240',
  sandboxImage: pauseImage,
  runtime: '/usr/bin/crun',
  plainRegistries: ['127.0.0.1:5000', 'localhost:5000'],
};
