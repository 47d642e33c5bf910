/** Flags about who may do what, under upstream's names. */
import { durationFlag, listFlag, stringFlag } from '@timonier/component';

export const authorizationFlags = {
  'authorization-mode': listFlag(
    ['Node', 'RBAC'],
    'who is asked whether a request may pass, in order: Node, RBAC, Webhook, AlwaysAllow, AlwaysDeny',
  ),
  'authorization-config': stringFlag(
    '',
    'AuthorizationConfiguration that says the same at length; followed while this runs',
  ),
  'authorization-webhook-config-file': stringFlag('', 'kubeconfig of the service that the mode Webhook asks'),
  'authorization-webhook-version': stringFlag(
    'v1beta1',
    'version of the SubjectAccessReviews that it is sent: v1 or v1beta1',
  ),
  'authorization-webhook-cache-authorized-ttl': durationFlag(
    300_000,
    'how long it is not asked again for what it allowed',
  ),
  'authorization-webhook-cache-unauthorized-ttl': durationFlag(
    30_000,
    'how long it is not asked again for what it did not allow',
  ),
};
