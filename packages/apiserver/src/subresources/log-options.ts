/**
 * What of a container's log is asked for, as upstream reads and checks `PodLogOptions`, told in the kubelet's words.
 */
import { formatTime, parseTime } from '@timonier/api/time';
import {
  bad,
  booleanParameter,
  forbiddenProblem,
  numberParameter,
  type Problem,
  refuseOptions,
} from '../pipeline/query.ts';

const flags = ['follow', 'previous', 'timestamps'] as const;
const numbers = ['tailLines', 'limitBytes', 'sinceSeconds'] as const;
/** As upstream names the place of what concerns several options. */
const noPlace = '[]';

/** The parameters for the kubelet. Throws 400 for what is none, and 422 for what cannot be asked for. */
export function kubeletLogOptions(query: URLSearchParams, podName: string): URLSearchParams {
  const options = new URLSearchParams();
  for (const name of flags) if (booleanParameter(query, name) === true) options.set(name, 'true');
  const [tailLines, limitBytes, sinceSeconds] = numbers.map((name) => integer(query, name));
  const sinceTime = timeParameter(query, 'sinceTime');
  const problems: Problem[] = [];
  if (tailLines !== undefined && tailLines < 0)
    problems.push(wrong('tailLines', tailLines, 'must be greater than or equal to 0'));
  if (limitBytes !== undefined && limitBytes < 1)
    problems.push(wrong('limitBytes', limitBytes, 'must be greater than 0'));
  if (sinceSeconds !== undefined && sinceTime !== undefined)
    problems.push(forbiddenProblem(noPlace, 'at most one of `sinceTime` or `sinceSeconds` may be specified'));
  else if (sinceSeconds !== undefined && sinceSeconds < 1)
    problems.push(wrong('sinceSeconds', sinceSeconds, 'must be greater than 0'));
  // Behind a gate that is closed upstream.
  if (query.has('stream')) problems.push(forbiddenProblem('stream', 'may not be specified'));
  refuseOptions('PodLogOptions', problems, { group: '', name: podName });
  for (const [name, value] of Object.entries({ limitBytes, sinceSeconds, sinceTime, tailLines }))
    if (value !== undefined) options.set(name, String(value));
  options.sort();
  return options;
}

function integer(query: URLSearchParams, name: string): number | undefined {
  if (query.get(name) === '') throw bad('strconv.ParseInt: parsing "": invalid syntax');
  return numberParameter(query, name);
}

/** What is empty is no time, and as upstream the first there is. */
function timeParameter(query: URLSearchParams, name: string): string | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  if (text === '' || text === 'null') return '0001-01-01T00:00:00Z';
  const time = parseTime(text);
  if (time !== undefined) return formatTime(time);
  const layout = '2006-01-02T15:04:05Z07:00';
  throw bad(
    `parsing time ${JSON.stringify(text)} as ${JSON.stringify(layout)}: cannot parse ${JSON.stringify(text)} as "2006"`,
  );
}

function wrong(field: string, value: number, detail: string): Problem {
  return { field, reason: 'FieldValueInvalid', message: `Invalid value: ${value}: ${detail}` };
}
