/** Secrets: `stringData` is how people write values; what is stored and shown is `data`. */
import type { Secret } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import type { Strategy } from './strategy.ts';

export const secretStrategy: Strategy = { prepareCreate: mergeStringData, prepareUpdate: mergeStringData };

function mergeStringData(object: ApiObject): void {
  const secret = object as Secret;
  if (secret.stringData === undefined) return;
  const encoded = Object.entries(secret.stringData).map(
    ([name, text]) => [name, Buffer.from(text).toString('base64')] as const,
  );
  secret.data = { ...secret.data, ...Object.fromEntries(encoded) };
  delete secret.stringData;
}
