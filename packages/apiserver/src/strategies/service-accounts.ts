/** ServiceAccounts: of a secret they name, the name alone is kept; its namespace is their own. */
import type { ServiceAccount } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import type { Strategy } from './strategy.ts';

export const serviceAccountStrategy: Strategy = {
  prepareCreate: keepNames,
  prepareUpdate: keepNames,
};

function keepNames(object: ApiObject): void {
  const account = object as ServiceAccount;
  if (account.secrets !== undefined)
    account.secrets = account.secrets.map(({ name }) => (name === undefined ? {} : { name }));
}
