export { readConfiguration } from './configuration.ts';
export { defaultProfile } from './profile.ts';
export { startScheduler } from './start.ts';
