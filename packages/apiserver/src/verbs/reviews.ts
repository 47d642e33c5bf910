/** Reviews: questions a client asks about itself. Nothing is stored; the answer is the review with its status. */
import { apiVersionOf } from '@timonier/api';
import type {
  PolicyRule,
  SelfSubjectAccessReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
  SubjectRulesReviewStatus,
  TokenReviewSpec,
  TokenReviewStatus,
} from '@timonier/api';
import { nodeOf } from '../authorization/node-authorizer.ts';
import { bodyMedia } from '../http/media.ts';
import type { User } from '../pipeline/authenticate.ts';
import { decodeBodyAs } from '../pipeline/decode.ts';
import { representationOf, respondTree } from '../pipeline/respond.ts';
import { bad } from '../pipeline/query.ts';
import type { RequestContext } from '../server-state.ts';

/** `authentication.k8s.io` SelfSubjectReview: who am I? */
export async function reviewSelf(context: RequestContext): Promise<void> {
  const { exchange, user } = context;
  const review = await readReview(context);
  await respondTree(exchange, 201, { ...review, status: { userInfo: userInfo(user) } });
}

/** `authentication.k8s.io` TokenReview: whose token is this? */
export async function reviewToken(context: RequestContext): Promise<void> {
  const { exchange, server } = context;
  const review = (await readReview(context)) as { spec?: Partial<TokenReviewSpec> };
  const { token = '', audiences } = review.spec ?? {};
  const known = await server.bearerTokens.authenticate(token, audiences);
  const status: TokenReviewStatus =
    known === undefined
      ? { error: 'invalid bearer token' }
      : { authenticated: true, user: userInfo(known.user), audiences: [...known.audiences] };
  await respondTree(exchange, 201, { ...review, status });
}

function userInfo({ name: username, uid, groups, extra }: User): object {
  return {
    username,
    ...(uid === undefined ? {} : { uid }),
    groups,
    ...(extra === undefined ? {} : { extra }),
  };
}

/** `authorization.k8s.io` SelfSubjectAccessReview: may I? Answered by what decides every request. */
export async function reviewOwnAccess(context: RequestContext): Promise<void> {
  const review = (await readReview(context)) as SelfSubjectAccessReview;
  await answerAccess(context, review, context.user);
}

/** SubjectAccessReview and LocalSubjectAccessReview: may somebody else? */
export async function reviewAccess(context: RequestContext): Promise<void> {
  const { target } = context;
  const review = (await readReview(context)) as SubjectAccessReview;
  const { user = '', groups = [], resourceAttributes: resource } = review.spec ?? {};
  if (user === '' && groups.length === 0)
    throw bad('spec.user: Invalid value: "": at least one of user or group must be specified');
  if (target.info.namespaced && resource?.namespace !== target.namespace)
    throw bad('spec.resourceAttributes.namespace: Invalid value: must match metadata.namespace');
  await answerAccess(context, review, { name: user, groups });
}

/** `authorization.k8s.io` SelfSubjectRulesReview: what may I, in this namespace? */
export async function reviewRules(context: RequestContext): Promise<void> {
  const { exchange, server, user } = context;
  const review = (await readReview(context)) as SelfSubjectRulesReview;
  const namespace = review.spec?.namespace ?? '';
  if (namespace === '') throw bad('no namespace on request');
  const all: readonly PolicyRule[] = user.groups.includes('system:masters')
    ? [
        { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
        { verbs: ['*'], nonResourceURLs: ['*'] },
      ]
    : [];
  const rules = [...all, ...server.authorizer.rbac.rulesOf(user, namespace)];
  const status: SubjectRulesReviewStatus = {
    resourceRules: rules.filter(({ nonResourceURLs }) => nonResourceURLs === undefined),
    nonResourceRules: rules
      .filter(({ nonResourceURLs }) => nonResourceURLs !== undefined)
      .map(({ verbs, nonResourceURLs = [] }) => ({ verbs, nonResourceURLs })),
    // What a node may do by being one is not in any rule.
    incomplete: nodeOf(user) !== undefined,
  };
  await respondTree(exchange, 201, { ...review, status });
}

async function answerAccess(
  { exchange, server }: RequestContext,
  review: SelfSubjectAccessReview | SubjectAccessReview,
  user: User,
): Promise<void> {
  const { resourceAttributes: resource, nonResourceAttributes: path } = review.spec ?? {};
  if ((resource === undefined) === (path === undefined))
    throw bad('spec: exactly one of resourceAttributes and nonResourceAttributes must be specified');
  const asked = {
    path: path?.path ?? '',
    verb: resource?.verb ?? path?.verb ?? '',
    namespace: resource?.namespace ?? '',
    name: resource?.name ?? '',
    subresource: resource?.subresource ?? '',
    ...(resource === undefined ? {} : { group: resource.group ?? '', resource: resource.resource ?? '' }),
  };
  await respondTree(exchange, 201, { ...review, status: { allowed: server.authorizer.allows(user, asked) } });
}

/** Throws 406 when the answer is wanted as a table or as metadata: a review has neither. */
async function readReview({ exchange, target }: RequestContext): Promise<object> {
  representationOf(exchange, { transforms: false });
  const type = { apiVersion: apiVersionOf(target.info), kind: target.info.kind };
  return decodeBodyAs(await exchange.body(), bodyMedia(exchange.header('content-type')), [type]);
}
