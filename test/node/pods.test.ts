/**
 * What people rely on in a pod, end to end: the real kubectl against one master and one worker. The scenarios run at
 * the same time, each with pods of its own; those that kill a component come after the others.
 */
import { after, before, describe } from 'node:test';
import { PodBench } from './pod-bench.ts';
import { accounts } from './scenarios/accounts.ts';
import { contents } from './scenarios/contents.ts';
import { isolation } from './scenarios/isolation.ts';
import { lifecycle } from './scenarios/lifecycle.ts';
import { recovery } from './scenarios/recovery.ts';
import { registry } from './scenarios/registry.ts';
import { streams } from './scenarios/streams.ts';

describe('pods on a cluster', { skip: process.getuid?.() === 0 ? false : 'needs root' }, () => {
  let opened: PodBench | undefined;
  const bench = (): PodBench => {
    if (opened === undefined) throw new Error('the cluster is not up');
    return opened;
  };
  before(async () => {
    opened = await PodBench.open();
  });
  after(() => opened?.close());

  describe('all at once', { concurrency: 8 }, () => {
    contents(bench);
    accounts(bench);
    lifecycle(bench);
    isolation(bench);
    registry(bench);
    streams(bench);
  });

  describe('one after the other', { concurrency: 1 }, () => {
    recovery(bench);
  });
});
