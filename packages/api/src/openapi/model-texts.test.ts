import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openapiV3 } from '../openapi.ts';
import { registry } from '../registry.ts';
import { modelTexts } from './model-texts.ts';

const POD = `import { X } from "y";
/**
 * A pod of the test.
 */
export interface IPod extends TypeMeta {
    "kind": "Pod";
    /**
     * What is wanted.
     *
     * In two lines.
     */
    "spec"?: X;
    /**
     * Any of '\\*' and '\\*\\/scale'.
     * @deprecated
     */
    "status"?: X;
}
/**
 * Not this one.
 */
export declare class Pod {
    /**
     * Nor this.
     */
    "status"?: X;
}
`;

describe('texts of the models', () => {
  it('are read from the installed package, field by field', () => {
    const root = mkdtempSync(join(tmpdir(), 'timonier-texts-'));
    try {
      const pack = join(root, 'node_modules/kubernetes-models');
      mkdirSync(join(pack, 'v1'), { recursive: true });
      writeFileSync(join(pack, 'package.json'), '{"name":"kubernetes-models"}');
      writeFileSync(join(pack, 'v1/Pod.d.ts'), POD);
      const texts = modelTexts(join(root, 'main.js'));
      const message = 'io.k8s.api.core.v1.Pod';
      assert.equal(texts.describe(message), 'A pod of the test.');
      assert.equal(texts.describe(message, 'spec'), 'What is wanted.\n\nIn two lines.');
      assert.equal(texts.describe(message, 'status'), "Any of '*' and '*/scale'.");
      assert.equal(texts.describe(message, 'nothing'), undefined);
      assert.equal(texts.describe('io.k8s.api.core.v1.Node'), undefined);
      assert.equal(texts.describe('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'), undefined);
      const served = (info: { resource: string }): boolean => info.resource === 'pods';
      const document = openapiV3({ registry, served, texts }, { group: '', version: 'v1' });
      assert.match(JSON.stringify(document), /"description":"A pod of the test\."/);
    } finally {
      rmSync(root, { recursive: true });
    }
  });

  it('are missing where the package is missing', () => {
    const root = mkdtempSync(join(tmpdir(), 'timonier-texts-'));
    try {
      assert.equal(modelTexts(join(root, 'main.js')).describe('io.k8s.api.core.v1.Pod'), undefined);
    } finally {
      rmSync(root, { recursive: true });
    }
  });
});
