export { command } from './command.ts';
export { renderChange, renderFull, type RulesetOptions } from './ruleset.ts';
export { compileServiceTable, type ServiceTable } from './service-table.ts';
