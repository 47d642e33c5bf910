/** Reviews: questions a client asks about itself. Nothing is stored; the answer is the review with its status. */
import { apiVersionOf } from '@timonier/api';
import type { SelfSubjectAccessReview } from '@timonier/api';
import { bodyMedia } from '../http/media.ts';
import { isAllowed } from '../pipeline/authorize.ts';
import { decodeBodyAs } from '../pipeline/decode.ts';
import { respondTree } from '../pipeline/respond.ts';
import type { RequestInfo } from '../http/request-info.ts';
import type { RequestContext } from '../server-state.ts';

/** `authentication.k8s.io` SelfSubjectReview: who am I? */
export async function reviewSelf(context: RequestContext): Promise<void> {
  const { exchange, user } = context;
  const review = await readReview(context);
  const { name: username, groups } = user;
  await respondTree(exchange, 201, { ...review, status: { userInfo: { username, groups } } });
}

/** `authorization.k8s.io` SelfSubjectAccessReview: may I? Answered by what decides every request. */
export async function reviewAccess(context: RequestContext): Promise<void> {
  const { exchange, user } = context;
  const review = (await readReview(context)) as SelfSubjectAccessReview;
  const { resourceAttributes: resource, nonResourceAttributes: path } = review.spec ?? {};
  const asked: RequestInfo = {
    path: path?.path ?? '',
    verb: resource?.verb ?? path?.verb ?? '',
    namespace: resource?.namespace ?? '',
    name: resource?.name ?? '',
    subresource: resource?.subresource ?? '',
    ...(resource === undefined
      ? {}
      : {
          group: resource.group ?? '',
          version: resource.version ?? '',
          resource: resource.resource ?? '',
        }),
  };
  await respondTree(exchange, 201, { ...review, status: { allowed: isAllowed(user, asked) } });
}

async function readReview({ exchange, target }: RequestContext): Promise<object> {
  const type = { apiVersion: apiVersionOf(target.info), kind: target.info.kind };
  return decodeBodyAs(await exchange.body(), bodyMedia(exchange.header('content-type')), [type]);
}
