/**
 * What each column of a table means, for clients that show it. In: `data/column-texts.json`, where a text that begins
 * with `=` names the field whose description it is; columns of every kind need no entry.
 */
import { modelTexts } from './openapi/model-texts.ts';
import table from '../data/column-texts.json' with { type: 'json' };
import { apiVersionOf, type ResourceInfo } from './registry.ts';

const metadata = '=io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';
const common: Readonly<Record<string, string>> = {
  Name: `${metadata}.name`,
  Age: `${metadata}.creationTimestamp`,
  'Created At': `${metadata}.creationTimestamp`,
};
const byKind: Readonly<Record<string, Readonly<Record<string, string>>>> = table;
const texts = modelTexts();
const described = new Map<string, string>();

/** Empty when nothing is known about the column. */
export function columnText(info: Pick<ResourceInfo, 'group' | 'version' | 'kind'>, column: string): string {
  const source = byKind[`${apiVersionOf(info)}/${info.kind}`]?.[column] ?? common[column] ?? '';
  if (!source.startsWith('=')) return source;
  let text = described.get(source);
  if (text === undefined) {
    const dot = source.lastIndexOf('.');
    const whole = texts.describe(source.slice(1, dot), source.slice(dot + 1)) ?? '';
    // Which values there are stands in the description of the field alone.
    text = whole.replace(/\n+Possible enum values:[\s\S]*$/, '');
    described.set(source, text);
  }
  return text;
}
