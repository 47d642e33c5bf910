export { type HostConfig, hostConfigPath, readHostConfig } from './host-config.ts';
export { flagArguments, subcommand, Supervisor } from './supervisor.ts';
export { containerdConfigPath, hostContainerd, writeContainerdConfig } from './containerd.ts';
export { nodeProcesses, proxyProcess } from './node-processes.ts';
export { hurry, type ProcessSpec } from './managed-process.ts';
