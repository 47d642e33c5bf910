/**
 * What guards the cluster is refused when its expressions do not compile, since nobody would notice it later, and when its
 * author may not read what it is told.
 */
import type { FieldError, MutatingWebhookConfiguration, ValidatingWebhookConfiguration } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { MatchConditions } from '../admission/conditions.ts';
import { CompiledPolicy } from '../admission/policies/compiled-policy.ts';
import { Mutations } from '../admission/policies/mutations.ts';
import { sameTree } from '../storage/copy.ts';
import { checkParamKind, checkParamRef } from './policy-parameters.ts';
import type { Strategy } from './strategy.ts';

export const validatingPolicyStrategy: Strategy = {
  validate: whenChanged('spec', (object) => new CompiledPolicy(object).problems()),
  check: checkParamKind,
};

export const mutatingPolicyStrategy: Strategy = {
  validate: whenChanged('spec', (object) => new Mutations(object).problems()),
  check: checkParamKind,
};

export const validatingBindingStrategy: Strategy = { check: checkParamRef('validatingadmissionpolicies') };
export const mutatingBindingStrategy: Strategy = { check: checkParamRef('mutatingadmissionpolicies') };

export const webhookStrategy: Strategy = {
  validate: whenChanged('webhooks', (object) => {
    const { webhooks } = object as MutatingWebhookConfiguration | ValidatingWebhookConfiguration;
    return (webhooks ?? []).flatMap(({ matchConditions }, i) =>
      new MatchConditions(matchConditions).problems(`webhooks[${i}].matchConditions`),
    );
  }),
};

/** What was accepted once stays so, whatever a newer server thinks of it. */
function whenChanged(
  field: string,
  check: (object: ApiObject) => FieldError[],
): (object: ApiObject, old: ApiObject | undefined) => FieldError[] {
  return (object, old) => (sameTree(object[field], old?.[field]) ? [] : check(object));
}
