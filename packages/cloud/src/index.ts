export { providerNamed } from './command.ts';
export { plainVmProvider } from './plain-vm.ts';
export type * from './provider.ts';
export { startCloudControllers, type StartContext } from './start.ts';
