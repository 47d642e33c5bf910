export { exposeBuild, kubernetesMinor, versionInfo } from './build-info.ts';
export { validityProblem, watchCertificate } from './certificate-validity.ts';
export { countBuffersWithHeap } from './collection.ts';
export {
  type Component,
  type ComponentContext,
  commonFlags,
  defineComponent,
  runComponent,
} from './component.ts';
export {
  booleanFlag,
  describeFlags,
  durationFlag,
  type Flag,
  type FlagSet,
  type FlagValues,
  listFlag,
  numberFlag,
  parseArguments,
  type ParsedArguments,
  parseDuration,
  portRange,
  repeatedFlag,
  stringFlag,
  UsageError,
} from './flags.ts';
export { Health, type HealthCheck, type HealthReport } from './health.ts';
export {
  type Exposition,
  handleOps,
  listen,
  type OpsPage,
  type OpsServer,
  splitHostPort,
  startOpsServer,
} from './ops-server.ts';
export { editDistance, nearestName } from './nearest-name.ts';
export { pacedExposition } from './paced-exposition.ts';
export { portHolder } from './port-holder.ts';
export { Shutdown } from './shutdown.ts';
