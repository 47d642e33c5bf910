/** Connections to what runs: admission is asked about each, with the connection's parameters as its object. */
import type { ApiObject } from '@timonier/api/decode';
import type { AdmissionRequest } from '../admission/request.ts';
import type { RequestContext } from '../request-context.ts';

/** Throws when it is refused. */
export async function admitConnection(
  context: RequestContext,
  parameters: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { admission } = context.server;
  const object: ApiObject = { ...parameters };
  const request: AdmissionRequest = { operation: 'CONNECT', context, object, old: undefined };
  await admission.admit(request);
  await admission.validate(request);
}
