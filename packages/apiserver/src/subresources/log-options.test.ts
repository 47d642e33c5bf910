import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StatusError } from '@timonier/api/statuses';
import { kubeletLogOptions } from './log-options.ts';

function read(query: string): string {
  try {
    return kubeletLogOptions(new URLSearchParams(query), 'p').toString();
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error));
    return `${error.code} ${error.message}`;
  }
}

test('what is asked of a log is passed on in the words of kubelets', () => {
  for (const [query, expected] of [
    ['', ''],
    ['follow=true&previous=&timestamps=1', 'follow=true&previous=true&timestamps=true'],
    ['follow=false&previous=0&timestamps=FALSE', ''],
    ['tailLines=0&limitBytes=1&sinceSeconds=1', 'limitBytes=1&sinceSeconds=1&tailLines=0'],
    ['sinceTime=2026-01-02T03:04:05.9%2B02:00', 'sinceTime=2026-01-02T01%3A04%3A05Z'],
    ['sinceTime=&follow=1', 'follow=true&sinceTime=0001-01-01T00%3A00%3A00Z'],
    ['sinceTime=null', 'sinceTime=0001-01-01T00%3A00%3A00Z'],
    ['container=c&unknown=1', ''],
  ])
    assert.equal(read(query ?? ''), expected, query);
});

test('what cannot be asked of a log is refused', () => {
  const invalid = '422 PodLogOptions "p" is invalid: ';
  for (const [query, expected] of [
    ['tailLines=', '400 strconv.ParseInt: parsing "": invalid syntax'],
    ['tailLines=ten', '400 strconv.ParseInt: parsing "ten": invalid syntax'],
    [
      'sinceTime=yesterday',
      '400 parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"',
    ],
    ['tailLines=-1', `${invalid}tailLines: Invalid value: -1: must be greater than or equal to 0`],
    ['limitBytes=0', `${invalid}limitBytes: Invalid value: 0: must be greater than 0`],
    ['sinceSeconds=0', `${invalid}sinceSeconds: Invalid value: 0: must be greater than 0`],
    [
      'sinceSeconds=0&sinceTime=2026-01-02T03:04:05Z',
      `${invalid}[]: Forbidden: at most one of \`sinceTime\` or \`sinceSeconds\` may be specified`,
    ],
    [
      'limitBytes=0&tailLines=-5',
      `${invalid}[tailLines: Invalid value: -5: must be greater than or equal to 0, limitBytes: Invalid value: 0: must be greater than 0]`,
    ],
    ['stream=Stdout', `${invalid}stream: Forbidden: may not be specified`],
  ])
    assert.equal(read(query ?? ''), expected, query);
});
