/** Flags about who sends requests, under upstream's names and with its defaults. */
import { booleanFlag, durationFlag, listFlag, stringFlag } from '@timonier/component';

export const authenticationFlags = {
  'token-auth-file': stringFlag('', 'CSV file of bearer tokens: token, user, uid and, in quotes, groups'),
  'enable-bootstrap-token-auth': booleanFlag(
    false,
    'accept the bootstrap tokens among the Secrets of kube-system',
  ),
  'oidc-issuer-url': stringFlag(
    '',
    'https URL of an OpenID Connect provider whose identity tokens are accepted',
  ),
  'oidc-client-id': stringFlag('', 'audience that the provider’s tokens must be for'),
  'oidc-username-claim': stringFlag('sub', 'claim that names the user'),
  'oidc-username-prefix': stringFlag(
    '',
    'put before user names; without it the issuer and #, unless the claim is email; - for none',
  ),
  'oidc-groups-claim': stringFlag('', 'claim that names the user’s groups'),
  'oidc-groups-prefix': stringFlag('', 'put before the names of groups'),
  'oidc-required-claim': listFlag([], 'NAME=VALUE that a token must have; may be given several times'),
  'oidc-signing-algs': listFlag(['RS256'], 'algorithms that tokens may be signed with'),
  'oidc-ca-file': stringFlag('', 'authority of the provider’s certificate; without it the public ones'),
  'authentication-config': stringFlag(
    '',
    'AuthenticationConfiguration that names several providers, and rules for their claims; followed while this runs',
  ),
  'anonymous-auth': booleanFlag(
    true,
    'take requests without credentials as those of system:anonymous, which may little',
  ),
  'authentication-token-webhook-config-file': stringFlag(
    '',
    'kubeconfig of a service that knows bearer tokens',
  ),
  'authentication-token-webhook-version': stringFlag(
    'v1beta1',
    'version of the TokenReviews that it is sent: v1 or v1beta1',
  ),
  'authentication-token-webhook-cache-ttl': durationFlag(
    120_000,
    'how long its answers are remembered; 0 asks every time',
  ),
  'requestheader-client-ca-file': stringFlag(
    '',
    'authority of front proxies’ certificates, and of this server’s own towards secondary API servers; published in kube-system',
  ),
  'requestheader-allowed-names': listFlag(
    [],
    'common names of front proxies that may name users in headers; without any, all that the authority signed',
  ),
  'requestheader-username-headers': listFlag(['X-Remote-User'], 'headers of the user’s name'),
  'requestheader-uid-headers': listFlag(['X-Remote-Uid'], 'headers of the user’s uid'),
  'requestheader-group-headers': listFlag(['X-Remote-Group'], 'headers of the user’s groups'),
  'requestheader-extra-headers-prefix': listFlag(
    ['X-Remote-Extra-'],
    'what headers of the user’s extra fields begin with',
  ),
};
