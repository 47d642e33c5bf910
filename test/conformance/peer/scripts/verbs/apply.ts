/** Server-side apply: owners, conflicts, what is given up, and what is no configuration. */
import type { Comparison } from '../../comparison.ts';
import { withSortedCauses } from '../custom/causes.ts';
import { namespace } from '../world.ts';
import { apply, deployment, deployments, merge } from './samples.ts';

export async function applies(comparison: Comparison): Promise<void> {
  const path = `${deployments}/applied`;
  const send = (title: string, query: string, body: unknown, where = path): Promise<void> =>
    comparison.compare(title, {
      method: 'PATCH',
      path: `${where}?${query}`,
      body: typeof body === 'string' ? body : JSON.stringify(body),
      headers: apply,
    });
  const own = { ...deployment, metadata: { name: 'applied' } };
  await send('without a manager', '', own);
  await send('an empty manager', 'fieldManager=', own);
  await send('first', 'fieldManager=one', own);
  await send('again', 'fieldManager=one', own);
  await send('the same by another', 'fieldManager=two', own);
  await send('a conflict', 'fieldManager=two', { ...own, spec: { ...own.spec, replicas: 3 } });
  const image = (name: string, value: string) => ({
    ...own,
    spec: { ...own.spec, template: { ...own.spec.template, spec: { containers: [{ name, image: value }] } } },
  });
  await send('a conflict in a list', 'fieldManager=three', image('one', 'demo:2'));
  await send('an item of its own', 'fieldManager=three', image('extra', 'demo:2'));
  // Upstream tells of several owners in another order each time.
  await comparison.compare(
    'several conflicts',
    {
      method: 'PATCH',
      path: `${path}?fieldManager=four`,
      body: {
        ...image('one', 'demo:3'),
        spec: { ...image('one', 'demo:3').spec, replicas: 9, selector: own.spec.selector },
      },
      headers: apply,
    },
    withSortedCauses,
  );
  await send('by force', 'fieldManager=two&force=true', { ...own, spec: { ...own.spec, replicas: 3 } });
  await comparison.compare('an update in between', (side) => ({
    method: 'PUT',
    path: `${path}?fieldManager=editor`,
    body: { ...side.saw('by force'), spec: { ...side.saw('by force')?.spec, replicas: 5 } },
  }));
  await send('a conflict with an update', 'fieldManager=two', { ...own, spec: { ...own.spec, replicas: 6 } });
  await comparison.compare('scale in between', {
    method: 'PATCH',
    path: `${path}/scale?fieldManager=scaler`,
    body: { spec: { replicas: 8 } },
    headers: merge,
  });
  await send('a conflict with scale', 'fieldManager=two', { ...own, spec: { ...own.spec, replicas: 6 } });
  await send('fields given up', 'fieldManager=two', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'applied' },
  });
  await send('managed fields in the body', 'fieldManager=two', {
    ...own,
    metadata: { name: 'applied', managedFields: [{ manager: 'x' }] },
  });
  await send('doubled keys', 'fieldManager=two&dryRun=All', {
    ...own,
    spec: {
      ...own.spec,
      template: {
        ...own.spec.template,
        spec: {
          containers: [
            { name: 'one', image: 'a' },
            { name: 'one', image: 'b' },
          ],
        },
      },
    },
  });
  await send('an item without key', 'fieldManager=two&dryRun=All', {
    ...own,
    spec: { ...own.spec, template: { ...own.spec.template, spec: { containers: [{ image: 'a' }] } } },
  });
  await send('no kind', 'fieldManager=two', { metadata: { name: 'applied' } });
  await send('no name', 'fieldManager=two', { apiVersion: 'apps/v1', kind: 'Deployment' });
  await send('another name', 'fieldManager=two', { ...own, metadata: { name: 'other' } });
  await send('another namespace', 'fieldManager=two', {
    ...own,
    metadata: { name: 'applied', namespace: 'other' },
  });
  await send('an unknown field', 'fieldManager=two', { ...own, what: 1 });
  await send('a wrong type', 'fieldManager=two', { ...own, spec: { ...own.spec, replicas: 'x' } });
  await send(
    'several documents',
    'fieldManager=two',
    'apiVersion: apps/v1\nkind: Deployment\n---\napiVersion: apps/v1\nkind: Deployment\n',
  );
  await send('bad YAML', 'fieldManager=two', 'a: b: c');
  await send(
    'a version of nothing',
    'fieldManager=two',
    { ...own, metadata: { name: 'none-such', resourceVersion: '7' } },
    `${deployments}/none-such`,
  );
  await send('an old version', 'fieldManager=two', {
    ...own,
    metadata: { name: 'applied', resourceVersion: '7' },
  });
  await send(
    'status',
    'fieldManager=status',
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'applied' }, status: { replicas: 3 } },
    `${path}/status`,
  );
  await send(
    'scale',
    'fieldManager=scale',
    {
      apiVersion: 'autoscaling/v1',
      kind: 'Scale',
      metadata: { name: 'applied', namespace },
      spec: { replicas: 2 },
    },
    `${path}/scale`,
  );
  await send(
    'scale by force',
    'fieldManager=scale&force=true',
    {
      apiVersion: 'autoscaling/v1',
      kind: 'Scale',
      metadata: { name: 'applied', namespace },
      spec: { replicas: 2 },
    },
    `${path}/scale`,
  );
  await comparison.compare('in the end', { method: 'GET', path });
}
