/** What a list or watch asks for, read from its query. */
import type { RequestContext } from '../request-context.ts';
import { Selection } from '../cache/selection.ts';
import {
  booleanParameter,
  numberParameter,
  revisionParameter,
  unsupportedOption,
} from '../pipeline/query.ts';

export interface ReadOptions {
  readonly selection: Selection;
  /** Undefined: the newest; 0: whatever is at hand. */
  readonly revision: number | undefined;
  readonly match: '' | 'Exact' | 'NotOlderThan';
  readonly limit: number;
  readonly continueToken: string;
  readonly allowBookmarks: boolean;
  readonly sendInitialEvents: boolean | undefined;
  /** 0 says nothing; what is less is over at once. */
  readonly timeoutSeconds: number | undefined;
}

export function readOptions({ exchange, server, target }: RequestContext): ReadOptions {
  const { query } = exchange;
  const match = query.get('resourceVersionMatch') ?? '';
  if (match !== '' && match !== 'Exact' && match !== 'NotOlderThan')
    throw unsupportedOption('resourceVersionMatch', match, ['Exact', 'NotOlderThan', '']);
  const timeout = numberParameter(query, 'timeoutSeconds');
  return {
    selection: new Selection(target.info, server.root, {
      namespace: target.namespace,
      name: target.name,
      labelSelector: query.get('labelSelector') ?? '',
      fieldSelector: query.get('fieldSelector') ?? '',
    }),
    revision: revisionParameter(
      query,
      'resourceVersion',
      target.verb === 'watch' ? '' : 'invalid resource version: ',
    ),
    match,
    limit: Math.max(0, numberParameter(query, 'limit') ?? 0),
    continueToken: query.get('continue') ?? '',
    allowBookmarks: booleanParameter(query, 'allowWatchBookmarks') ?? false,
    sendInitialEvents: booleanParameter(query, 'sendInitialEvents'),
    timeoutSeconds: timeout,
  };
}
