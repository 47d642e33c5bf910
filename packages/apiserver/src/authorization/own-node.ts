/** A node may create the Node and the lease of its own name only; the name is known when the body has been read. */
import type { ApiObject } from '@timonier/api/decode';
import { forbidden, StatusError } from '@timonier/api/statuses';
import type { WriteContext } from '../server-state.ts';
import { nodeOf } from './node-authorizer.ts';

export function checkOwnNode(object: ApiObject, { user, target }: WriteContext): void {
  const node = nodeOf(user);
  const name = object.metadata?.name ?? '';
  if (node === undefined || node === name) return;
  const detail = `node "${node}" is not allowed to create ${target.info.resource} of another name`;
  throw new StatusError(forbidden(target.info, name, detail));
}
