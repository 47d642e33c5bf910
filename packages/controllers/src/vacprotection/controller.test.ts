import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resources } from '@timonier/api';
import { inLoopWorld } from '../memory-loop.ts';
import { startAttributesClassProtection } from './controller.ts';
import { classesOfClaim, decide, finalizer } from './decide.ts';

const never = new AbortController().signal;

test('a class keeps its finalizer until it is deleted and nobody names it', () => {
  const made = (deletionTimestamp?: string, finalizers = [finalizer]): Parameters<typeof decide>[0] => ({
    driverName: 'd',
    metadata: { name: 'c', finalizers, ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }) },
  });
  const gone = '2026-01-01T00:00:00Z';
  assert.equal(
    decide(made(), () => false),
    'keep',
  );
  assert.equal(
    decide(made(undefined, []), () => true),
    'add',
  );
  assert.equal(
    decide(made(gone), () => true),
    'keep',
  );
  assert.equal(
    decide(made(gone), () => false),
    'remove',
  );
  assert.equal(
    decide(made(gone, []), () => false),
    'keep',
  );
});

test('a claim names the class that it has, wants, and is on its way to', () => {
  const claim = {
    spec: { volumeAttributesClassName: 'wanted' },
    status: {
      currentVolumeAttributesClassName: 'had',
      modifyVolumeStatus: { status: 'Pending', targetVolumeAttributesClassName: 'next' },
    },
  };
  assert.deepEqual(classesOfClaim(claim as Parameters<typeof classesOfClaim>[0]), ['wanted', 'had', 'next']);
  assert.deepEqual(classesOfClaim({}), []);
});

test('a deleted class goes when the last claim that names it is gone, and one without the finalizer gets it', async () => {
  await inLoopWorld(
    {},
    (api) => {
      api.put(resources.volumeattributesclasses, {
        driverName: 'd',
        metadata: { name: 'used', finalizers: [finalizer], deletionTimestamp: '2026-01-01T00:00:00Z' },
      });
      api.put(resources.volumeattributesclasses, { driverName: 'd', metadata: { name: 'bare' } });
      api.put(resources.persistentvolumeclaims, {
        metadata: { name: 'c', namespace: 'n' },
        spec: { volumeAttributesClassName: 'used' },
      });
    },
    async ({ api, informers, begin }) => {
      begin(startAttributesClassProtection);
      const classes = informers.volumeattributesclasses;
      const isMarked = (): boolean => classes.get({ name: 'bare' })?.metadata?.finalizers?.[0] === finalizer;
      assert.ok(await classes.until(isMarked, never, 30_000));
      assert.deepEqual(api.find(resources.volumeattributesclasses, 'used')?.metadata?.finalizers, [
        finalizer,
      ]);
      api.remove(resources.persistentvolumeclaims, 'n/c');
      const isFree = (): boolean => (classes.get({ name: 'used' })?.metadata?.finalizers ?? []).length === 0;
      assert.ok(await classes.until(isFree, never, 30_000));
    },
  );
});
