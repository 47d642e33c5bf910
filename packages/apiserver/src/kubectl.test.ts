import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startApiServer } from './testing/harness.ts';
import { kubectlFor } from './testing/kubectl.ts';
import { startEtcd } from './testing/real-etcd.ts';

const hello = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: hello, labels: { app: hello } }
spec:
  replicas: 4
  selector: { matchLabels: { app: hello } }
  template:
    metadata: { labels: { app: hello } }
    spec:
      containers:
        - { name: web, image: "timonier.local/demo:latest", ports: [{ containerPort: 8080 }] }
---
apiVersion: v1
kind: Service
metadata: { name: hello }
spec: { type: NodePort, selector: { app: hello }, ports: [{ port: 80, targetPort: 8080 }] }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: hello }
data: { index.html: hi }
`;

for (const release of ['v33', 'v35'] as const) {
  test(`kubectl 1.${release.slice(1)} works against a server on a real etcd`, async (t) => {
    const { endpoint } = await startEtcd(t);
    const server = await startApiServer(t, { endpoint });
    const kubectl = await kubectlFor(t, release, server.kubeconfig);
    const ok = async (args: string, stdin?: string): Promise<string> => {
      const { code, stdout, stderr } = await kubectl(args.split(' '), stdin);
      assert.equal(code, 0, `kubectl ${args}: ${stderr}`);
      return stdout;
    };
    assert.match(await ok('get ns'), /kube-system +Active/);
    assert.match(await ok('api-resources'), /deployments +deploy +apps\/v1 +true +Deployment/);
    assert.match(await ok('apply -f -', hello), /deployment.apps\/hello created/);
    assert.match(await ok('apply -f -', hello), /service\/hello unchanged/);
    assert.match(await ok('get deploy,svc,cm -o wide'), /web +timonier.local\/demo:latest +app=hello/);
    assert.match(await ok('describe deployment hello'), /Replicas: +4 desired/);
    assert.match(await ok('scale deployment hello --replicas=2'), /scaled/);
    assert.equal(await ok('get deployment hello -o jsonpath={.spec.replicas}'), '2');
    const patches = [
      ['strategic', '{"spec":{"template":{"spec":{"containers":[{"name":"web","image":"other"}]}}}}'],
      ['merge', '{"metadata":{"labels":{"tier":"front"}}}'],
      ['json', '[{"op":"replace","path":"/spec/replicas","value":3}]'],
    ];
    for (const [type, patch] of patches)
      assert.match(await ok(`patch deployment hello --type=${type} -p ${patch}`), /patched/);
    assert.equal(
      await ok('get deployment hello -o jsonpath={.spec.template.spec.containers[0].ports[0].containerPort}'),
      '8080',
    );
    assert.match(await ok('apply --server-side --force-conflicts -f -', hello), /serverside-applied/);
    assert.match(await ok('create configmap typed --from-literal=a=b'), /created/);
    assert.match(await ok('label configmap typed x=y'), /labeled/);
    assert.match(await ok('get configmap -l x=y'), /typed/);
    assert.match(await ok('explain deployment.spec.replicas'), /<integer>/);
    assert.match(await ok('run p --image=demo'), /pod\/p created/);
    const waiting = ok('wait --for=delete pod/p --timeout=20s');
    assert.match(await ok('delete pod p'), /deleted/);
    await waiting;
    assert.match(await ok('wait --for=jsonpath={.data.a}=b configmap/typed --timeout=10s'), /condition met/);
    assert.match(await ok('auth whoami'), /kubernetes-admin/);
    assert.match(await ok('auth can-i create pods'), /yes/);
    assert.match(await ok('delete -f -', hello), /deployment.apps "hello" deleted/);
    const unknown = await kubectl(
      ['create', '-f', '-'],
      '{"apiVersion":"v1","kind":"Gizmo","metadata":{"name":"g"}}',
    );
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /no matches for kind "Gizmo" in version "v1"/);
  });
}
