/**
 * What those who complete an object may not say of it: where it is, and who owns its fields in a form that nobody can read.
 * Old programs that write back what they do not know would otherwise make every write fail.
 */
import type { ManagedFieldsEntry } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { formatFieldError } from '@timonier/api/validation';
import { managedFieldsErrors } from '@timonier/api/validation/metadata';
import type { WriteContext } from '../server-state.ts';
import { placeObject } from './prepare.ts';

/** Changes `object`; `owners` are those before admission. Throws 400 for another namespace, or another name than `name`. */
export function settleAdmitted(
  object: ApiObject,
  owners: readonly ManagedFieldsEntry[] | undefined,
  context: WriteContext,
  name = '',
): void {
  placeObject(object, context, name);
  const { metadata } = object;
  if (metadata?.managedFields === undefined || metadata.managedFields === owners) return;
  const [problem] = managedFieldsErrors(metadata.managedFields, 'metadata.managedFields');
  if (problem === undefined) return;
  context.warn?.(
    `.metadata.managedFields was in an invalid state after admission; this could be caused by an outdated mutating admission controller; please fix your requests: ${formatFieldError(problem)}`,
  );
  if (owners === undefined) delete metadata.managedFields;
  else metadata.managedFields = [...owners];
}
