/** Which paths are pages for the administrator. */
export const profilePages = '/debug/pprof/';
const pages = /^\/(debug\/|logs(\/|$)|configz$)/;

export function isDebugPath(path: string): boolean {
  return pages.test(path);
}
