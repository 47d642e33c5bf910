export { ApiHealth, type ApiHealthOptions } from './api-health.ts';
export { OfficeKeeper, type LeadershipSource, type OfficeRecord } from './office/keeper.ts';
export { epochOf, type Leadership, newOfficeMachine, stepOffice } from './office/machine.ts';
