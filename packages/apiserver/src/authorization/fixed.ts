/** Authorizers that say the same to everybody: for tries, and as the last of a list. */
import { allowed, type AuthorizerKind } from './decision.ts';

export const alwaysAllow: AuthorizerKind = {
  type: 'AlwaysAllow',
  name: 'alwaysallow',
  decide: () => allowed,
  rulesOf: () => ({
    rules: [
      { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
      { verbs: ['*'], nonResourceURLs: ['*'] },
    ],
  }),
};

export const alwaysDeny: AuthorizerKind = {
  type: 'AlwaysDeny',
  name: 'alwaysdeny',
  decide: () => ({ verdict: 'noOpinion', reason: 'Everything is forbidden.' }),
  rulesOf: () => ({ rules: [] }),
};
