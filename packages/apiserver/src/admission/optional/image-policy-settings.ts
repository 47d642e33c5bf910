/** What an operator says of ImagePolicyWebhook: a document without a kind, as upstream has it. Errors name the field. */
import { formatDuration } from '@timonier/api/time';
import { parse } from 'yaml';
import { KubeconfigClient } from '../../callouts/kubeconfig-client.ts';
import { mapOf, onlyKnown, textOf } from '../../configuration/document.ts';
import type { ImagePolicySettings } from './image-policy.ts';

const minute = 60_000;

interface Span {
  /** Milliseconds that 1 stands for. */
  readonly unit: number;
  readonly min: number;
  readonly max: number;
  readonly usual: number;
}

const spans: Readonly<Record<'allowTTL' | 'denyTTL' | 'retryBackoff', Span>> = {
  allowTTL: { unit: 1_000, min: 1_000, max: 30 * minute, usual: 5 * minute },
  denyTTL: { unit: 1_000, min: 1_000, max: 30 * minute, usual: 30_000 },
  retryBackoff: { unit: 1, min: 0.000_001, max: 5 * minute, usual: 500 },
};
/** Says that an answer is not remembered, and that a question is asked again at once. */
const disabled = -1;
/** What the client takes for no pause; it takes 0 for no second try. */
const noPauseMs = 0.001;

/** Throws, also when the kubeconfig file that it names cannot be read. */
export function imagePolicyOf(text: string): ImagePolicySettings {
  const root = mapOf(parse(text), 'the configuration');
  onlyKnown(root, ['imagePolicy'], '');
  const fields = mapOf(root['imagePolicy'] ?? {}, 'imagePolicy');
  onlyKnown(fields, ['kubeConfigFile', ...Object.keys(spans), 'defaultAllow'], 'imagePolicy');
  const [allowMs, denyMs, retryMs] = (['allowTTL', 'denyTTL', 'retryBackoff'] as const).map((name) =>
    milliseconds(fields[name], `imagePolicy.${name}`, spans[name]),
  );
  const { defaultAllow = false } = fields;
  if (typeof defaultAllow !== 'boolean')
    throw new Error('imagePolicy.defaultAllow: Invalid value: must be true or false');
  const file = textOf(fields['kubeConfigFile'], 'imagePolicy.kubeConfigFile');
  if (file === '') throw new Error('imagePolicy.kubeConfigFile: Required value');
  return {
    client: new KubeconfigClient(file),
    allowMs: allowMs ?? 0,
    denyMs: denyMs ?? 0,
    retryMs: Math.max(retryMs ?? 0, noPauseMs),
    defaultAllow,
  };
}

function milliseconds(value: unknown, at: string, { unit, min, max, usual }: Span): number {
  if (value === undefined || value === 0) return usual;
  if (value === disabled) return 0;
  if (typeof value !== 'number' || !Number.isInteger(value))
    throw new Error(`${at}: Invalid value: must be an integer`);
  const ms = value * unit;
  if (ms >= min && ms <= max) return ms;
  const shown = (one: number): string => formatDuration(BigInt(Math.round(one * 1e6)));
  throw new Error(`${at}: valid value is between ${shown(min)} and ${shown(max)}, got ${shown(ms)}`);
}
