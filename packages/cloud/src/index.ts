export { providerNamed } from './command.ts';
export type * from './provider.ts';
export { startCloudControllers } from './start.ts';
