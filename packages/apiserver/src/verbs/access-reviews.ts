/**
 * Reviews of what somebody may do (`authorization.k8s.io`), answered by what decides every request. Nothing is stored;
 * the answer is the review with its status.
 */
import { checkQualifiedName } from '@timonier/api/names';
import type {
  FieldError,
  ObjectMeta,
  PolicyRule,
  ResourceAttributes,
  SelfSubjectRulesReview,
  SubjectAccessReview,
  SubjectAccessReviewStatus,
  SubjectRulesReviewStatus,
} from '@timonier/api';
import { fieldErrors, invalidStatus } from '@timonier/api';
import { StatusError } from '@timonier/api/statuses';
import type { Attributes, Selector } from '../authorization/decision.ts';
import { fieldRequirements, labelRequirements } from '../authorization/selectors.ts';
import type { User } from '../pipeline/authenticate.ts';
import { respondTree } from '../pipeline/respond.ts';
import { bad } from '../pipeline/query.ts';
import type { RequestContext } from '../request-context.ts';
import { readReview } from './reviews.ts';

const spec = 'spec.resourceAttributes';

/** SelfSubjectAccessReview: may I? */
export async function reviewOwnAccess(context: RequestContext): Promise<void> {
  const review = (await readReview(context)) as SubjectAccessReview;
  await answerAccess(context, review, context.user, []);
}

/** SubjectAccessReview and LocalSubjectAccessReview: may somebody else? */
export async function reviewAccess(context: RequestContext): Promise<void> {
  const { target } = context;
  const review = (await readReview(context)) as SubjectAccessReview;
  const { user = '', groups = [], uid, extra, resourceAttributes, nonResourceAttributes } = review.spec ?? {};
  // Where it was asked is where it is answered for.
  if (target.info.namespaced) review.metadata = { ...review.metadata, namespace: target.namespace };
  const problems: FieldError[] = [];
  if (user === '' && groups.length === 0)
    problems.push(fieldErrors.invalid('spec.user', user, 'at least one of user or group must be specified'));
  if (target.info.namespaced) {
    const asked = resourceAttributes?.namespace ?? '';
    if (resourceAttributes !== undefined && asked !== target.namespace)
      problems.push(fieldErrors.invalid(`${spec}.namespace`, asked, 'must match metadata.namespace'));
    if (nonResourceAttributes !== undefined)
      problems.push(
        fieldErrors.invalid(
          'spec.nonResourceAttributes',
          nonResourceAttributes,
          'disallowed on this kind of request',
        ),
      );
  }
  await answerAccess(
    context,
    review,
    {
      name: user,
      groups,
      ...(uid === undefined || uid === '' ? {} : { uid }),
      ...(extra === undefined ? {} : { extra: inLowerCase(extra) }),
    },
    problems,
  );
}

/** SelfSubjectRulesReview: what may I, in this namespace? */
export async function reviewRules(context: RequestContext): Promise<void> {
  const { exchange, server, user } = context;
  const review = (await readReview(context)) as SelfSubjectRulesReview;
  const namespace = review.spec?.namespace ?? '';
  if (namespace === '') throw bad('no namespace on request');
  const { rules, incomplete } = server.authorizer.rulesOf(user, namespace);
  const isPath = ({ nonResourceURLs }: PolicyRule): boolean => nonResourceURLs !== undefined;
  const status: SubjectRulesReviewStatus = {
    resourceRules: rules.filter((rule) => !isPath(rule)),
    nonResourceRules: rules
      .filter(isPath)
      .map(({ verbs, nonResourceURLs = [] }) => ({ verbs, nonResourceURLs })),
    incomplete: incomplete.length > 0,
    ...(incomplete.length === 0 ? {} : { evaluationError: incomplete.join(', ') }),
  };
  // What was asked is not repeated.
  await respondTree(exchange, 201, { ...review, spec: {}, status });
}

/** Throws 422 when the review asks about nothing, or about two things. */
async function answerAccess(
  { exchange, server, target }: RequestContext,
  review: SubjectAccessReview,
  user: User,
  found: readonly FieldError[],
): Promise<void> {
  const { resourceAttributes: resource, nonResourceAttributes: path } = review.spec ?? {};
  const problems = metadataProblems(review.metadata, target.namespace);
  if (resource !== undefined && path !== undefined)
    problems.push(
      fieldErrors.invalid(
        'spec.nonResourceAttributes',
        path,
        'cannot be specified in combination with resourceAttributes',
      ),
    );
  if (resource === undefined && path === undefined)
    problems.push(
      fieldErrors.invalid(
        spec,
        null,
        'exactly one of nonResourceAttributes or resourceAttributes must be specified',
      ),
    );
  problems.push(
    ...found,
    ...selectorProblems('fieldSelector', resource?.fieldSelector),
    ...selectorProblems('labelSelector', resource?.labelSelector),
  );
  if (problems.length > 0)
    throw new StatusError(invalidStatus({ group: target.info.group, kind: '' }, '', problems));
  const asked: Attributes =
    resource === undefined
      ? { path: path?.path ?? '', verb: path?.verb ?? '', namespace: '', name: '', subresource: '' }
      : attributesOf(resource);
  const { verdict, reason, error } = await server.authorizer.decide(user, asked);
  const errors = [...(error === undefined ? [] : [error]), ...ignoredSelectors(asked)];
  const status: SubjectAccessReviewStatus = {
    allowed: verdict === 'allow',
    ...(verdict === 'deny' ? { denied: true } : {}),
    ...(reason === '' ? {} : { reason }),
    ...(errors.length === 0 ? {} : { evaluationError: errors.join('; ') }),
  };
  await respondTree(exchange, 201, { ...review, status });
}

function attributesOf(resource: ResourceAttributes): Attributes {
  const { fieldSelector, labelSelector } = resource;
  return {
    path: '',
    verb: resource.verb ?? '',
    namespace: resource.namespace ?? '',
    name: resource.name ?? '',
    subresource: resource.subresource ?? '',
    group: resource.group ?? '',
    version: resource.version ?? '',
    resource: resource.resource ?? '',
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
    ...(labelSelector === undefined ? {} : { labelSelector }),
  };
}

function ignoredSelectors({ fieldSelector, labelSelector }: Attributes): string[] {
  return Object.entries({
    fieldSelector: fieldRequirements(fieldSelector),
    labelSelector: labelRequirements(labelSelector),
  }).flatMap(([name, { requirements, isPartial }]) =>
    isPartial
      ? [`${spec}.${name} ${requirements.length > 0 ? 'partially ' : ''}ignored due to parse error`]
      : [],
  );
}

function selectorProblems(name: string, selector: Selector | undefined): FieldError[] {
  if (selector === undefined) return [];
  const { rawSelector = '', requirements = [] } = selector;
  const at = `${spec}.${name}`;
  const problems: FieldError[] = [];
  if (rawSelector !== '' && requirements.length > 0)
    problems.push(
      fieldErrors.invalid(
        `${at}.rawSelector`,
        rawSelector,
        'may not specified at the same time as requirements',
      ),
    );
  if (rawSelector === '' && requirements.length === 0)
    problems.push(
      fieldErrors.required(
        `${at}.requirements`,
        `when ${at} is specified, requirements or rawSelector is required`,
      ),
    );
  for (const [i, { key, operator, values = [] }] of requirements.entries()) {
    const one = `${at}.requirements[${i}]`;
    if (key === '' && name === 'fieldSelector')
      problems.push(fieldErrors.required(`${one}.key`, 'must be specified'));
    const wantsValues = operator === 'In' || operator === 'NotIn';
    if (wantsValues && values.length === 0)
      problems.push(
        fieldErrors.required(`${one}.values`, "must be specified when `operator` is 'In' or 'NotIn'"),
      );
    if ((operator === 'Exists' || operator === 'DoesNotExist') && values.length > 0)
      problems.push(
        fieldErrors.forbidden(
          `${one}.values`,
          "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        ),
      );
    // What a label may be called, labels themselves say.
    if (name === 'labelSelector')
      problems.push(
        ...checkQualifiedName(key ?? '').map((text) => fieldErrors.invalid(`${one}.key`, key ?? '', text)),
      );
  }
  return problems;
}

/** A review is no object: of its metadata only the namespace says something. */
function metadataProblems(metadata: ObjectMeta | undefined, namespace: string): FieldError[] {
  const { namespace: own, managedFields: _managedFields, ...rest } = metadata ?? {};
  const isEmpty = Object.values(rest).every((value) => value === undefined || value === null || value === '');
  if (isEmpty && (namespace !== '' || (own ?? '') === '')) return [];
  const detail = namespace === '' ? 'must be empty' : 'must be empty except for namespace';
  return [fieldErrors.invalid('metadata', metadata, detail)];
}

/** Keys of extra fields are compared in lower case, as headers carry them. */
function inLowerCase(extra: Readonly<Record<string, string[]>>): Record<string, string[]> {
  return Object.fromEntries(Object.entries(extra).map(([key, values]) => [key.toLowerCase(), values]));
}
