export { controllerFlags, settingsFromFlags } from './command.ts';
export type { ControllerSettings } from './loop.ts';
export { controllerNames, defaultSettings, startControllers, type StartContext } from './start.ts';
