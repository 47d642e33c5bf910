/**
 * What a definition of custom resources leaves open. Filled in when it is read, and not when it is stored: who makes a
 * definition owns these, too.
 */
import type { CustomResourceDefinition } from '../generated/types.ts';

const webhookPort = 443;

export function defaultDefinition({ spec }: CustomResourceDefinition): void {
  const { names } = spec;
  if (!names.singular) names.singular = (names.kind ?? '').toLowerCase();
  if (!names.listKind && names.kind) names.listKind = `${names.kind}List`;
  spec.conversion ??= { strategy: 'None' };
  const service = spec.conversion.webhook?.clientConfig?.service;
  if (service !== undefined && !service.port) service.port = webhookPort;
}
