/** The rules of stateful sets, whose pods are told apart and bring claims of their own. */
import type { PodTemplateSpec, StatefulSet, StatefulSetSpec } from '../generated/types.ts';
import { checkDns1123Label } from '../names.ts';
import { countOrPercent, invalidBy, nonNegative, notAboveAll, same } from './checks.ts';
import { forbidden, invalid, notSupported, required, type FieldError } from './field-error.ts';
import { claimSpec } from './persistent-claims.ts';
import { validateTemplate } from './pod.ts';
import { rules, type Rules } from './rules.ts';
import { statefulSetStatus } from './workload-statuses.ts';
import { isZero, runsForGood, selectorAndTemplate } from './workloads.ts';

const MANAGEMENT = ['OrderedReady', 'Parallel'];
const RETENTIONS = ['Retain', 'Delete'];

function statefulSet({ spec = {} }: { spec?: Partial<StatefulSetSpec> }): FieldError[] {
  const errors: FieldError[] = [];
  const policy = spec.podManagementPolicy;
  if (!policy) errors.push(required('spec.podManagementPolicy'));
  else if (!MANAGEMENT.includes(policy))
    errors.push(invalid('spec.podManagementPolicy', policy, "must be 'OrderedReady' or 'Parallel'"));
  errors.push(...updates(spec));
  const retention = spec.persistentVolumeClaimRetentionPolicy;
  if (retention !== undefined)
    for (const field of ['whenDeleted', 'whenScaled'] as const)
      if (!RETENTIONS.includes(retention[field] ?? ''))
        errors.push(
          notSupported(
            `spec.persistentVolumeClaimRetentionPolicy.${field}`,
            retention[field] ?? '',
            RETENTIONS,
          ),
        );
  errors.push(...nonNegative('spec.replicas', spec.replicas));
  errors.push(...nonNegative('spec.minReadySeconds', spec.minReadySeconds));
  errors.push(...nonNegative('spec.ordinals.start', spec.ordinals?.start));
  errors.push(
    ...selectorAndTemplate(spec.selector, spec.template, { kind: 'statefulset', badSelector: '' }, () =>
      validateTemplate(withClaims(spec), 'spec.template'),
    ),
  );
  errors.push(...runsForGood(spec.template, 'StatefulSet'));
  return errors;
}

function updates({ updateStrategy: given }: Partial<StatefulSetSpec>): FieldError[] {
  const at = 'spec.updateStrategy';
  const { type, rollingUpdate: rolling } = given ?? {};
  if (!type) return [required(at)];
  if (type === 'OnDelete')
    return rolling === undefined
      ? []
      : [invalid(`${at}.rollingUpdate`, rolling, "only allowed for updateStrategy 'RollingUpdate'")];
  if (type !== 'RollingUpdate') return [invalid(at, given, "must be 'RollingUpdate' or 'OnDelete'")];
  const errors = nonNegative(`${at}.rollingUpdate.partition`, rolling?.partition);
  const field = `${at}.rollingUpdate.maxUnavailable`;
  const most = rolling?.maxUnavailable;
  if (most === undefined) return errors;
  errors.push(...countOrPercent(field, most));
  if (isZero(most)) errors.push(invalid(field, most, 'cannot be 0'));
  return [...errors, ...notAboveAll(field, most)];
}

/** Every pod of a stateful set has a volume for each of its claims, in place of one that is called alike. */
function withClaims({
  template,
  volumeClaimTemplates = [],
}: Partial<StatefulSetSpec>): PodTemplateSpec | undefined {
  if (template?.spec === undefined || volumeClaimTemplates.length === 0) return template;
  const claims = volumeClaimTemplates.map(({ metadata: { name = '' } = {} }) => ({
    name,
    persistentVolumeClaim: { claimName: name },
  }));
  const byName = new Map(claims.map((volume) => [volume.name, volume]));
  const others = (template.spec.volumes ?? []).filter(({ name }) => !byName.has(name));
  return { ...template, spec: { ...template.spec, volumes: [...byName.values(), ...others] } };
}

/** What only new ones must keep, since old ones may be there that do not. */
function created({ spec }: StatefulSet): FieldError[] {
  const errors: FieldError[] = [];
  for (const [i, { spec: claim }] of (spec?.volumeClaimTemplates ?? []).entries())
    errors.push(...claimSpec(claim ?? {}, `spec.volumeClaimTemplates[${i}].spec`));
  const service = spec?.serviceName;
  if (service) errors.push(...invalidBy(checkDns1123Label(service), 'spec.serviceName', service));
  return errors;
}

/** Templates of claims may say what kind they are, or not. */
function fixedPart(spec: StatefulSetSpec, field: keyof StatefulSetSpec): unknown {
  return field === 'volumeClaimTemplates'
    ? spec[field]?.map(({ apiVersion: _version, kind: _kind, ...template }) => template)
    : spec[field];
}

const MAY_CHANGE =
  "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

function changed({ spec }: StatefulSet, { spec: before }: StatefulSet): FieldError[] {
  if (spec === undefined || before === undefined) return [];
  const fixed = ['selector', 'serviceName', 'podManagementPolicy', 'volumeClaimTemplates'] as const;
  const isSame = fixed.every((field) => same(fixedPart(spec, field), fixedPart(before, field)));
  return isSame ? [] : [forbidden('spec', MAY_CHANGE)];
}

export const statefulSetRules: Readonly<Record<string, Rules>> = {
  'apps/v1/StatefulSet': rules(statefulSet, changed, {
    create: created,
    createdBefore: /^spec\.template\b/,
    ownSets: ['spec.volumeClaimTemplates'],
    subresources: { status: statefulSetStatus },
  }),
};
