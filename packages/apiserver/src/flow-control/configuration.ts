/**
 * What flow schemas and priority levels together say: how the server's seats are divided, and which schema leads to
 * which level. Objects that make no sense are left out, and what must be there is there, whatever the cluster has. Pure.
 */
import type { FlowSchema, PriorityLevelConfiguration } from '@timonier/api';
import { catchAllName, exemptName, mandatoryLevels, mandatorySchemas } from './bootstrap-objects.ts';
import { inMatchingOrder } from './matching.ts';
import { isDealable } from './shuffle-sharding.ts';

export interface LevelConfig {
  readonly name: string;
  readonly uid: string;
  readonly isExempt: boolean;
  /** Seats that are its own. */
  readonly nominal: number;
  /** What is left to it when others borrow as much as they may. */
  readonly least: number;
  /** What it has when it borrows as much as it may. */
  readonly most: number;
  /** 0: nothing waits. */
  readonly queues: number;
  readonly handSize: number;
  readonly queueLengthLimit: number;
}

export interface FlowConfiguration {
  /** In the order in which they are tried; the level of each exists. */
  readonly schemas: readonly { readonly schema: FlowSchema; readonly level: LevelConfig }[];
  readonly levels: readonly LevelConfig[];
  /** Names of schemas whose level does not exist. */
  readonly dangling: ReadonlySet<string>;
}

export function digest(
  schemas: readonly FlowSchema[],
  levels: readonly PriorityLevelConfiguration[],
  serverSeats: number,
): FlowConfiguration {
  const usable = withMandatory(levels.filter(isUsable), mandatoryLevels);
  const shares = usable.reduce((sum, level) => sum + sharesOf(level), 0);
  const configs = usable.map((level) => configOf(level, serverSeats, shares));
  const byName = new Map(configs.map((config) => [config.name, config]));
  const dangling = new Set<string>();
  const matched = inMatchingOrder(withMandatory(schemas, mandatorySchemas)).flatMap((schema) => {
    const level = byName.get(schema.spec?.priorityLevelConfiguration.name ?? '');
    if (level !== undefined) return [{ schema, level }];
    dangling.add(schema.metadata?.name ?? '');
    return [];
  });
  return { schemas: matched, levels: configs, dangling };
}

function withMandatory<T extends FlowSchema | PriorityLevelConfiguration>(
  given: readonly T[],
  mandatory: readonly T[],
): T[] {
  const missing = mandatory.filter(({ metadata }) =>
    given.every((object) => object.metadata?.name !== metadata?.name),
  );
  return [...given, ...missing];
}

function isUsable({ spec }: PriorityLevelConfiguration): boolean {
  if (spec?.type === 'Exempt') return spec.limited === undefined;
  const response = spec?.limited?.limitResponse;
  if (spec?.type !== 'Limited' || response === undefined) return false;
  if (response.type !== 'Queue') return response.type === 'Reject';
  const { queues = 0, handSize = 0, queueLengthLimit = 0 } = response.queuing ?? {};
  return isDealable(queues, handSize) && queueLengthLimit >= 1;
}

function sharesOf({ spec }: PriorityLevelConfiguration): number {
  return Math.max(0, (spec?.limited ?? spec?.exempt)?.nominalConcurrencyShares ?? 0);
}

function configOf(level: PriorityLevelConfiguration, serverSeats: number, shares: number): LevelConfig {
  const { metadata, spec } = level;
  const isExempt = spec?.type === 'Exempt';
  const nominal = shares === 0 ? 0 : Math.ceil((serverSeats * sharesOf(level)) / shares);
  const lendable = percentOf(nominal, (spec?.limited ?? spec?.exempt)?.lendablePercent ?? 0);
  const borrowing = spec?.limited?.borrowingLimitPercent;
  const queuing = spec?.limited?.limitResponse?.queuing;
  return {
    name: metadata?.name ?? '',
    uid: metadata?.uid ?? '',
    isExempt,
    nominal,
    least: nominal - lendable,
    most: borrowing === undefined ? serverSeats : nominal + percentOf(nominal, borrowing),
    queues: queuing?.queues ?? 0,
    handSize: queuing?.handSize ?? 0,
    queueLengthLimit: queuing?.queueLengthLimit ?? 0,
  };
}

function percentOf(seats: number, percent: number): number {
  return Math.round((seats * percent) / 100);
}

/** True for the objects that must be as they are. */
export function isMandatory(name: string): boolean {
  return name === exemptName || name === catchAllName;
}
