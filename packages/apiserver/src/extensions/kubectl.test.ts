import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startApiServer } from '../testing/harness.ts';
import { kubectlFor, succeeding } from '../testing/kubectl.ts';
import { startEtcd } from '../testing/real-etcd.ts';

const definition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: crontabs.stable.example.com }
spec:
  group: stable.example.com
  scope: Namespaced
  names: { plural: crontabs, singular: crontab, kind: CronTab, shortNames: [ct], categories: [all] }
  versions:
    - name: v1
      served: true
      storage: true
      subresources:
        status: {}
        scale: { specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas, labelSelectorPath: .status.selector }
      additionalPrinterColumns:
        - { name: Spec, type: string, jsonPath: .spec.cronSpec, description: The schedule }
        - { name: Replicas, type: integer, jsonPath: .spec.replicas }
        - { name: Age, type: date, jsonPath: .metadata.creationTimestamp }
      selectableFields: [{ jsonPath: .spec.image }]
      schema:
        openAPIV3Schema:
          type: object
          required: [spec]
          properties:
            spec:
              description: What is wanted.
              type: object
              required: [cronSpec]
              properties:
                cronSpec: { type: string, pattern: '^(\\d+|\\*)( (\\d+|\\*)){4}$', description: When it runs. }
                image: { type: string, default: 'busybox:1' }
                replicas: { type: integer, minimum: 1, maximum: 10, default: 1 }
                ports:
                  type: array
                  x-kubernetes-list-type: map
                  x-kubernetes-list-map-keys: [name]
                  items:
                    type: object
                    required: [name]
                    properties: { name: { type: string }, port: { type: integer } }
                tags: { type: array, x-kubernetes-list-type: set, items: { type: string } }
            status:
              type: object
              x-kubernetes-preserve-unknown-fields: true
`;

const tab = `
apiVersion: stable.example.com/v1
kind: CronTab
metadata: { name: mine }
spec: { cronSpec: "* * * * 5", ports: [{ name: web, port: 80 }] }
`;

test('kubectl defines a kind and uses it like a built-in one', async (t) => {
  const { endpoint } = await startEtcd(t);
  const server = await startApiServer(t, { endpoint });
  const kubectl = await kubectlFor(t, 'v35', server.kubeconfig);
  const ok = succeeding(kubectl);
  const fails = async (args: string, stdin?: string): Promise<string> => {
    const { code, stderr } = await kubectl(args.split(' '), stdin);
    assert.notEqual(code, 0, `kubectl ${args} succeeded`);
    return stderr;
  };
  assert.match(await ok('apply -f -', definition), /crontabs.stable.example.com created/);
  await ok('wait --for=condition=Established crd/crontabs.stable.example.com --timeout=5s');
  assert.match(await ok('api-resources'), /crontabs +ct +stable.example.com\/v1 +true +CronTab/);
  assert.match(await ok('apply -f -', tab), /crontab.stable.example.com\/mine created/);
  assert.match(await ok('apply -f -', tab), /unchanged/);
  assert.match(await ok('get ct'), /NAME +SPEC +REPLICAS +AGE\nmine +\* \* \* \* 5 +1 +\d+s/);
  assert.match(await ok('get all'), /crontab.stable.example.com\/mine/);
  assert.match(await ok('explain crontab.spec.cronSpec'), /When it runs/);
  assert.match(await ok('get ct mine -o jsonpath={.spec.image}/{.metadata.generation}'), /busybox:1\/1/);
  assert.match(await ok('scale crontab mine --replicas=3'), /scaled/);
  assert.equal(await ok('get ct mine -o jsonpath={.spec.replicas}/{.metadata.generation}'), '3/2');
  assert.match(await ok('get ct --field-selector spec.image=busybox:1'), /mine/);
  assert.match(await ok('get ct --field-selector spec.image=other 2>&1'.replace(' 2>&1', '')), /^$/);
  const wrong = await fails('patch ct mine --type=merge -p {"spec":{"replicas":11}}');
  assert.match(
    wrong,
    /The CronTab "mine" is invalid: spec.replicas: Invalid value: 11: spec.replicas in body should be less than or equal to 10/,
  );
  assert.match(
    await fails('apply -f -', tab.replace('"* * * * 5"', '"never"')),
    /spec.cronSpec: Invalid value: "never": spec.cronSpec in body should match/,
  );
  assert.match(
    await fails('create -f -', tab.replace('mine', 'other').replace('cronSpec:', 'cron:')),
    /unknown field "spec.cron"/,
  );
  const served = tab
    .replace('{ name: web, port: 80 }', '{ name: tls, port: 443 }')
    .replace('"* * * * 5"', '"* * * * 6"');
  assert.match(
    await fails('apply --server-side --field-manager=other -f -', served),
    /conflict with "kubectl-client-side-apply"/,
  );
  await ok('apply --server-side --force-conflicts --field-manager=other -f -', served);
  // kubectl makes what it had applied from the client the new manager's, who does not want it.
  assert.equal(await ok('get ct mine -o jsonpath={.spec.ports[*].name}'), 'tls');
  await ok('patch ct mine --subresource=status --type=merge -p {"status":{"replicas":2,"selector":"a=b"}}');
  assert.equal(await ok('get ct mine -o jsonpath={.metadata.generation}'), '4');
  await ok('wait --for=jsonpath={.status.replicas}=2 ct/mine --timeout=5s');
  assert.match(await ok('delete crd crontabs.stable.example.com'), /deleted/);
  assert.match(
    await fails('get ct'),
    /doesn't have a resource type "ct"|could not find the requested resource/,
  );
});
