export { loadNftables, runCommand } from './commands.ts';
export { bridgeTrafficIsFiltered } from './host-state.ts';
export { PodNetwork } from './pod-network.ts';
export { PodNetworkLoop } from './pod-network-loop.ts';
