/** Lists: selectors, chunks, versions and what does not go together. */
import type { Comparison } from '../../comparison.ts';
import { maps } from './samples.ts';

export async function lists(comparison: Comparison): Promise<void> {
  const only = 'labelSelector=kind%3Dverbs';
  const queries = [
    '',
    'limit=1',
    'limit=-1',
    'limit=x',
    'limit=1&resourceVersion=0',
    'limit=1&resourceVersion=1',
    'resourceVersion=0',
    'resourceVersion=1',
    'resourceVersion=x',
    'resourceVersion=-1',
    'resourceVersion=999999999',
    'resourceVersionMatch=Exact',
    'resourceVersionMatch=NotOlderThan',
    'resourceVersionMatch=What&resourceVersion=1',
    'resourceVersionMatch=Exact&resourceVersion=0',
    'resourceVersionMatch=NotOlderThan&resourceVersion=0',
    'resourceVersionMatch=Exact&resourceVersion=999999999',
    'continue=x',
    'continue=x&resourceVersion=1',
    'continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiIifQ',
    'sendInitialEvents=true',
    'sendInitialEvents=x',
    'timeoutSeconds=x',
    'timeoutSeconds=-1',
    'allowWatchBookmarks=x',
    'watch=x',
    'labelSelector=a%20in%20()',
    'labelSelector=a%20in%20(b',
    'labelSelector=!!a',
    'labelSelector=a%3D%3D%3Db',
    'labelSelector=a%20what%20b',
    'labelSelector=Bad_Key!%3Db',
    'labelSelector=-a%3Db',
    'labelSelector=a%3D-b-',
    'labelSelector=a%3Eb',
    'labelSelector=a%3E1',
    'labelSelector=%2C',
    'labelSelector=a%2C',
    'labelSelector=a%20notin%20(b%2Cc)',
    'fieldSelector=metadata.name%3Dverbs-1',
    'fieldSelector=metadata.name!%3Dverbs-1',
    'fieldSelector=metadata.namespace%3Dpeer',
    'fieldSelector=spec.what%3D1',
    'fieldSelector=nothing',
    'fieldSelector=a%3D%3Db%3Dc',
    'fieldSelector=metadata.name%3D%5Cz',
    'what=x',
    'pretty=x',
    'pretty=true',
    'limit=1&limit=2',
  ];
  for (const query of queries)
    await comparison.compare(`?${query}`, {
      method: 'GET',
      path: `${maps}?${query.includes('labelSelector') ? query : `${query}&${only}`}`,
    });
  await comparison.compare('a chunk', { method: 'GET', path: `${maps}?limit=1&${only}` });
  await comparison.compare('the next chunk', (side) => ({
    method: 'GET',
    path: `${maps}?limit=1&${only}&continue=${encodeURIComponent(side.saw('a chunk')?.metadata?.continue ?? '')}`,
  }));
  for (const more of [
    'resourceVersion=1',
    'resourceVersionMatch=Exact',
    'resourceVersion=0',
    'resourceVersionMatch=Exact&resourceVersion=1',
  ])
    await comparison.compare(`the next chunk with ${more}`, (side) => ({
      method: 'GET',
      path: `${maps}?limit=1&${only}&${more}&continue=${encodeURIComponent(side.saw('a chunk')?.metadata?.continue ?? '')}`,
    }));
  const fieldsOf: Readonly<Record<string, string>> = {
    '/api/v1/pods':
      'spec.nodeName,status.phase,spec.hostNetwork,spec.restartPolicy,status.podIP,metadata.uid,spec.serviceAccountName,status.podIPs,status.nominatedNodeName,spec.schedulerName',
    '/api/v1/nodes': 'spec.unschedulable,metadata.namespace,status.phase',
    '/api/v1/events':
      'involvedObject.kind,reason,reportingComponent,source,type,regarding.kind,involvedObject.name,reportingController',
    '/api/v1/namespaces': 'status.phase,name',
    '/api/v1/secrets': 'type,name',
    '/api/v1/services': 'spec.clusterIP,spec.type,spec.x',
    '/api/v1/replicationcontrollers': 'status.replicas',
    '/apis/apps/v1/replicasets': 'status.replicas',
    '/apis/batch/v1/jobs': 'status.successful',
    '/apis/certificates.k8s.io/v1/certificatesigningrequests': 'spec.signerName',
    '/apis/resource.k8s.io/v1/resourceslices': 'spec.nodeName,spec.driver,x',
    '/apis/apps/v1/deployments': 'status.replicas',
    '/apis/events.k8s.io/v1/events': 'regarding.kind,involvedObject.kind,reason,reportingController',
    '/api/v1/persistentvolumes': 'name,status.phase',
    '/api/v1/persistentvolumeclaims': 'name,status.phase',
  };
  for (const [path, names] of Object.entries(fieldsOf))
    for (const name of names.split(','))
      await comparison.compare(`fields ${path} ${name}`, {
        method: 'GET',
        path: `${path}?fieldSelector=${name}%3Dnone-such`,
      });
}
