export { command } from './command.ts';
export { resolve, type ServiceView, type ZoneAnswer } from './zone.ts';
