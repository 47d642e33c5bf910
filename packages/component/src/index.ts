export { exposeBuild, versionInfo } from './build-info.ts';
export { watchCertificate } from './certificate-validity.ts';
export { countBuffersWithHeap, leaveRoomToGrow, loadingWhatStays } from './collection.ts';
export {
  type Component,
  type ComponentContext,
  commonFlags,
  defineComponent,
  runComponent,
} from './component.ts';
export {
  booleanFlag,
  choiceFlag,
  choicesFlag,
  durationFlag,
  type Flag,
  type FlagSet,
  type FlagValues,
  listFlag,
  numberFlag,
  parseArguments,
  parseDuration,
  patternFlag,
  portRange,
  repeatedFlag,
  stringFlag,
  UsageError,
} from './flags.ts';
export { Health } from './health.ts';
export { type Exposition, handleOps, listen, splitHostPort, startOpsServer } from './ops-server.ts';
export { nearestName, unknownName } from './nearest-name.ts';
export { pacedExposition } from './paced-exposition.ts';
export { portHolder } from './port-holder.ts';
export { defineGroup, defineProgram, type Program, type RunProgram } from './program.ts';
export { Shutdown } from './shutdown.ts';
