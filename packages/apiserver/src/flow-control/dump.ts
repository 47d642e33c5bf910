/** What is under way, for a person: the pages below `/debug/api_priority_and_fairness/`, in upstream's columns. */
import type { FlowControl } from './flow-control.ts';
import type { Level } from './level.ts';

type Row = readonly (string | number | boolean)[];

const pages: Readonly<Record<string, (control: FlowControl, details: boolean) => Row[]>> = {
  dump_priority_levels: levels,
  dump_queues: queues,
  dump_requests: requests,
};

/** The text of a page, or undefined when there is none of that name. */
export function dumpPage(control: FlowControl, name: string, withDetails: boolean): string | undefined {
  const page = Object.hasOwn(pages, name) ? pages[name] : undefined;
  return page === undefined ? undefined : table(page(control, withDetails));
}

function levels(control: FlowControl): Row[] {
  const header = [
    'PriorityLevelName',
    'ActiveQueues',
    'IsIdle',
    'IsQuiescing',
    'WaitingRequests',
    'ExecutingRequests',
  ];
  return [
    header,
    ...control.levels.map(({ config: { name }, set }) => {
      const active = [...set.queues].filter(({ waiting }) => waiting.length > 0).length;
      return [name, active, set.isIdle, false, set.waiting, set.executing];
    }),
  ];
}

/** Queues in use only: a level may have millions. */
function queues(control: FlowControl): Row[] {
  const header = [
    'PriorityLevelName',
    'Index',
    'PendingRequests',
    'ExecutingRequests',
    'SeatsInUse',
    'NextDispatchR',
    'InitialSeatsSum',
    'MaxSeatsSum',
    'TotalWorkSum',
  ];
  const rows = ({ config: { name }, set }: Level): Row[] =>
    [...set.queues].map((queue) => [
      name,
      queue.index,
      queue.waiting.length,
      queue.executing,
      queue.seatsInUse,
      `${(queue.nextDispatchR / 1_000).toFixed(8)}ss`,
      queue.waiting.reduce((sum, { request }) => sum + request.estimate.initialSeats, 0),
      queue.waiting.reduce((sum, { seats }) => sum + seats, 0),
      `${(queue.waitingWork / 1_000).toFixed(8)}ss`,
    ]);
  return [header, ...control.levels.flatMap(rows)];
}

function requests(control: FlowControl, withDetails: boolean): Row[] {
  const details = withDetails
    ? ['UserName', 'Verb', 'APIPath', 'Namespace', 'Name', 'APIVersion', 'Resource', 'SubResource']
    : [];
  const header = [
    'PriorityLevelName',
    'FlowSchemaName',
    'QueueIndex',
    'RequestIndexInQueue',
    'FlowDistingsher',
    'ArriveTime',
    'InitialSeats',
    'FinalSeats',
    'AdditionalLatency',
    ...details,
  ];
  const rows = [...control.waiting].map(({ flow, distinguisher, entry, request }): Row => {
    const { estimate } = entry.request;
    const { user, info } = request;
    const version = [info.group ?? '', info.version ?? ''].filter((part) => part !== '').join('/');
    return [
      flow.level.config.name,
      flow.name,
      entry.queue?.index ?? 0,
      entry.queue?.waiting.indexOf(entry) ?? 0,
      distinguisher,
      new Date(performance.timeOrigin + entry.arrivedAt).toISOString(),
      estimate.initialSeats,
      estimate.finalSeats,
      `${estimate.additionalMs}ms`,
      ...(withDetails
        ? [
            user.name,
            info.verb,
            info.path,
            info.namespace,
            info.name,
            version,
            info.resource ?? '',
            info.subresource,
          ]
        : []),
    ];
  });
  return [header, ...rows];
}

/** Columns side by side, as wide as their widest cell. */
function table(rows: readonly Row[]): string {
  const cells = rows.map((row) =>
    // A name may hold anything; it must not make lines of its own.
    row.map((cell) => String(cell).replaceAll(/[\r\n\t]/g, ' ')),
  );
  const widths = (cells[0] ?? []).map((_, i) => Math.max(...cells.map((row) => (row[i] ?? '').length)));
  const lines = cells.map((row) =>
    row.map((cell, i) => (i === row.length - 1 ? cell : `${cell},`.padEnd((widths[i] ?? 0) + 2))).join(''),
  );
  return `${lines.join('\n')}\n`;
}
