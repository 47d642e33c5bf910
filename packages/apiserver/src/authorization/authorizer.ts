/**
 * Who may do what: administrators everything, nodes what the Node authorizer says, everyone what roles and bindings
 * say. Health and version are open to everyone, whatever the roles are.
 */
import type { RequestInfo } from '../http/request-info.ts';
import type { WatchCache } from '../cache/watch-cache.ts';
import type { User } from '../pipeline/authenticate.ts';
import { NodeAuthorizer, nodeOf } from './node-authorizer.ts';
import { Rbac } from './rbac.ts';
import type { Question } from './rules.ts';

const openPaths = /^\/(healthz|livez|readyz)(\/|$)|^\/version\/?$/;

export class Authorizer {
  readonly rbac: Rbac;
  readonly #nodes: NodeAuthorizer;

  constructor(cache: WatchCache, root: string) {
    this.rbac = new Rbac(cache);
    this.#nodes = new NodeAuthorizer(cache, root);
  }

  allows(user: User, info: Omit<RequestInfo, 'served' | 'version'>): boolean {
    if (info.resource === undefined && openPaths.test(info.path)) return true;
    if (user.groups.includes('system:masters')) return true;
    const question: Question = {
      // A head of a path asks for what a get would give.
      verb: info.resource === undefined && info.verb === 'head' ? 'get' : info.verb,
      resource: info.resource,
      group: info.group ?? '',
      subresource: info.subresource,
      name: info.name,
      path: info.path,
    };
    const node = nodeOf(user);
    if (node !== undefined && this.#nodes.allows(node, info.namespace, question)) return true;
    return this.rbac.allows(user, info.namespace, question);
  }
}
