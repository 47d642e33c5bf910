/**
 * Header fields that are lists (RFC 9110, 5.6.1): a head may have a megabyte of commas, which taken apart keep the process for
 * longer than a hundred requests. Of what a client only offers the first items count; a list all of which counts may be so long.
 */

const longestList = 64 * 1024;
/** More than any client offers. */
const mostItems = 256;

/** Whether a list is short enough to be taken apart whole. */
export function isShortList(list: string): boolean {
  return list.length <= longestList;
}

/** The first items, as they were written. */
export function offered(list: string, separator = ','): string[] {
  return list.split(separator, mostItems);
}
