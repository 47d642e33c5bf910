/** Reviews of who somebody is. Nothing is stored; the answer is the review with its status. */
import { apiVersionOf } from '@timonier/api';
import type { TokenReviewSpec, TokenReviewStatus } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { admitOwn } from '../admission/own-object.ts';
import { bodyMedia } from '../http/media.ts';
import type { User } from '../pipeline/authenticate.ts';
import { decodeBodyAs } from '../pipeline/decode.ts';
import { timestamp } from '../timestamp.ts';
import { bad } from '../pipeline/query.ts';
import { representationOf, respondTree } from '../pipeline/respond.ts';
import type { RequestContext } from '../request-context.ts';

/** `authentication.k8s.io` SelfSubjectReview: who am I? */
export async function reviewSelf(context: RequestContext): Promise<void> {
  const { exchange, user, server } = context;
  const review = await readReview(context);
  const metadata = { creationTimestamp: timestamp(server.now()) };
  await respondTree(exchange, 201, { ...review, metadata, status: { userInfo: userInfo(user) } });
}

/** `authentication.k8s.io` TokenReview: whose token is this? */
export async function reviewToken(context: RequestContext): Promise<void> {
  const { exchange, server } = context;
  const review = (await readReview(context)) as { spec?: Partial<TokenReviewSpec> };
  const { token = '', audiences } = review.spec ?? {};
  if (token === '') throw bad('token is required for TokenReview in authentication');
  const known = await server.bearerTokens.authenticate(token, audiences);
  const why = known === undefined ? server.tokens?.whyNot(token, audiences) : undefined;
  const refusal = 'invalid bearer token';
  const status: TokenReviewStatus =
    known === undefined
      ? { user: {}, error: why === undefined ? refusal : `[${refusal}, ${why}]` }
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

/** Throws 406 when the answer is wanted as a table or as metadata: a review has neither. */
export async function readReview(context: RequestContext): Promise<object> {
  const { exchange, target } = context;
  representationOf(exchange, { transforms: false });
  const type = { apiVersion: apiVersionOf(target.info), kind: target.info.kind };
  const review = decodeBodyAs(await exchange.body(), bodyMedia(exchange.header('content-type')), [type]);
  return admitOwn(context, undefined, inNamespace(review, target.namespace));
}

function inNamespace(review: ApiObject, namespace: string): ApiObject {
  return namespace === '' ? review : { ...review, metadata: { namespace, ...review.metadata } };
}
