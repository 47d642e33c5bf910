export { controllerFlags, settingsFromFlags } from './command.ts';
export type { ControllerSettings } from './loop.ts';
export { startControllers } from './start.ts';
