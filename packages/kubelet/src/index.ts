export { command } from './command.ts';
export { decide, type Decision, type DecisionInput, type PodAction } from './pod/decide.ts';
export { computeStatus, type StatusInput } from './pod/status.ts';
