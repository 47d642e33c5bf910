/** Which path of the JSON gateway stands for which method; the same below each of the prefixes. */

export const prefixes = ['/v3', '/v3beta'] as const;

const services = {
  'etcdserverpb.KV': {
    '/kv/range': 'range',
    '/kv/put': 'put',
    '/kv/deleterange': 'deleteRange',
    '/kv/txn': 'txn',
    '/kv/compaction': 'compact',
  },
  'etcdserverpb.Watch': { '/watch': 'watch' },
  'etcdserverpb.Lease': {
    '/lease/grant': 'leaseGrant',
    '/lease/revoke': 'leaseRevoke',
    '/kv/lease/revoke': 'leaseRevoke',
    '/lease/keepalive': 'leaseKeepAlive',
    '/lease/timetolive': 'leaseTimeToLive',
    '/kv/lease/timetolive': 'leaseTimeToLive',
    '/lease/leases': 'leaseLeases',
    '/kv/lease/leases': 'leaseLeases',
  },
  'etcdserverpb.Cluster': {
    '/cluster/member/add': 'memberAdd',
    '/cluster/member/remove': 'memberRemove',
    '/cluster/member/update': 'memberUpdate',
    '/cluster/member/list': 'memberList',
    '/cluster/member/promote': 'memberPromote',
  },
  'etcdserverpb.Maintenance': {
    '/maintenance/alarm': 'alarm',
    '/maintenance/status': 'status',
    '/maintenance/defragment': 'defragment',
    '/maintenance/hash': 'hash',
    '/maintenance/hashkv': 'hashKV',
    '/maintenance/snapshot': 'snapshot',
    '/maintenance/transfer-leadership': 'moveLeader',
    '/maintenance/downgrade': 'downgrade',
  },
  'etcdserverpb.Auth': {
    '/auth/enable': 'authEnable',
    '/auth/disable': 'authDisable',
    '/auth/status': 'authStatus',
    '/auth/authenticate': 'authenticate',
    '/auth/user/add': 'userAdd',
    '/auth/user/get': 'userGet',
    '/auth/user/list': 'userList',
    '/auth/user/delete': 'userDelete',
    '/auth/user/changepw': 'userChangePassword',
    '/auth/user/grant': 'userGrantRole',
    '/auth/user/revoke': 'userRevokeRole',
    '/auth/role/add': 'roleAdd',
    '/auth/role/get': 'roleGet',
    '/auth/role/list': 'roleList',
    '/auth/role/delete': 'roleDelete',
    '/auth/role/grant': 'roleGrantPermission',
    '/auth/role/revoke': 'roleRevokePermission',
  },
  'v3lockpb.Lock': { '/lock/lock': 'lock', '/lock/unlock': 'unlock' },
  'v3electionpb.Election': {
    '/election/campaign': 'campaign',
    '/election/proclaim': 'proclaim',
    '/election/leader': 'leader',
    '/election/observe': 'observe',
    '/election/resign': 'resign',
  },
} as const;

/** `[path below a prefix, method name]` of a service, by its full name. */
export function pathsOf(service: string): readonly (readonly [path: string, method: string])[] {
  return Object.entries((services as Record<string, Record<string, string>>)[service] ?? {});
}
