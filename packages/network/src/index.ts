export { CommandError, loadNftables, runCommand, runIpBatch } from './commands.ts';
export { bridgeTrafficIsFiltered, ownAddresses } from './host-state.ts';
export { planNetwork, cniConfiguration, type NetworkPlan } from './plan.ts';
export { PodNetwork, type PodNetworkOptions, type PodNetworkResult } from './pod-network.ts';
export { PodNetworkLoop, type PodNetworkLoopOptions } from './pod-network-loop.ts';
