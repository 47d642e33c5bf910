export {
  type HostAddress,
  type HostConfig,
  hostConfigPath,
  readHostConfig,
  type RuntimeName,
} from './host-config.ts';
export { type ProcessEntry, processesPath } from './processes.ts';
export { flagArguments, subcommand, Supervisor } from './supervisor.ts';
export { containerdConfigPath, hostContainerd, pauseImage, writeContainerdConfig } from './containerd.ts';
export { apiServers, nodeProcesses, proxyProcess } from './node-processes.ts';
export { hurry, type ManagedProcess, type ProcessSpec } from './managed-process.ts';
