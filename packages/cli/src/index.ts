export { commands, findCommand } from './commands.ts';
