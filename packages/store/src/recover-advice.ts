/** What to do about data that cannot be trusted; ends the messages of whatever found the damage. */
export const rejoinAdvice =
  'nothing was changed; while a majority of the members is well, remove this one (etcdctl member remove), empty its data directory and add it again, and otherwise restore a snapshot: see docs/operations/disk.md';
