/** The gateway's methods by path, made from the services that clients are offered. */
import { loadServiceJson } from '@timonier/grpc';
import type { ClientService } from '../client-api.ts';
import type { GatewayMethod } from './gateway-call.ts';
import { pathsOf, prefixes } from './routes.ts';

export function gatewayMethods(services: readonly ClientService[]): ReadonlyMap<string, GatewayMethod> {
  const methods = new Map<string, GatewayMethod>();
  for (const { proto, definition, handlers } of services) {
    const forms = loadServiceJson(proto, definition.name);
    for (const [path, name] of pathsOf(definition.name)) {
      const method = definition.methods[name];
      const json = forms.get(name);
      const handler = handlers[name];
      if (method === undefined || json === undefined || handler === undefined)
        throw new Error(`${path} leads to ${definition.name}/${name}, which is not there`);
      for (const prefix of prefixes) methods.set(prefix + path, { definition: method, json, handler });
    }
  }
  return methods;
}
