/**
 * Every figure of a process. The types of reports, their parser, the table of `status` and `status --json` follow
 * from this table; to add a figure, add it here and count it at its source.
 *
 * `source` is the part that provides it: the role (`RoleStatus`), the process around it, or its master. A counter
 * only increases; it starts at 0 with the process, `restarts` and `exits` with the master. A gauge goes up and down. With a `label` the figure is a record
 * with one number for each value of the label. `column` is its title in the table of `status`, where columns with
 * the lowest `dropOrder` are dropped first on a narrow terminal; without it the figure is only in `--json`.
 * `isLoad` marks the figures that `qps` adds up.
 */
export const statusFigures = {
  memory: {
    source: 'process',
    kind: 'gauge',
    unit: 'bytes',
    help: 'Resident memory',
    column: 'memory',
    dropOrder: 14,
  },
  connections: {
    source: 'role',
    kind: 'gauge',
    unit: 'connections',
    help: 'Open sockets: clients and inner links',
    column: 'connections',
    dropOrder: 13,
  },
  inFlight: {
    source: 'role',
    kind: 'gauge',
    unit: 'events',
    help: 'Gateway: client events that are held or unacknowledged. Worker: callbacks that run',
    column: 'in flight',
    dropOrder: 5,
  },
  sent: {
    source: 'role',
    kind: 'counter',
    unit: 'messages',
    help: 'Messages sent',
    column: 'sent',
    dropOrder: 3,
  },
  received: {
    source: 'role',
    kind: 'counter',
    unit: 'messages',
    help: 'Messages received',
    column: 'received',
    dropOrder: 4,
    isLoad: true,
  },
  failedSends: {
    source: 'role',
    kind: 'counter',
    unit: 'messages',
    help: 'Messages that could not be sent',
    column: 'failed sends',
    dropOrder: 1,
  },
  requests: {
    source: 'role',
    kind: 'counter',
    unit: 'queries',
    help: 'Queries handled',
    column: 'requests',
    dropOrder: 2,
    isLoad: true,
  },
  limits: {
    source: 'role',
    kind: 'counter',
    unit: 'times',
    label: 'limit',
    help: 'How often each limit took effect',
  },
  tables: {
    source: 'role',
    kind: 'gauge',
    unit: 'entries',
    label: 'table',
    help: 'Entries of each table. Without clients all are 0, except the tables of workers and gateways',
  },
  qps: {
    source: 'process',
    kind: 'gauge',
    unit: 'perSecond',
    help: 'Messages received and queries answered per second, over the last full second',
    column: 'qps',
    dropOrder: 10,
  },
  eventLoopLagMs: {
    source: 'process',
    kind: 'gauge',
    unit: 'milliseconds',
    help: '99th percentile of the event-loop delay over the last 5 to 10 seconds',
    column: 'lag',
    dropOrder: 11,
  },
  droppedLines: {
    source: 'process',
    kind: 'counter',
    unit: 'lines',
    help: 'Lines of the log and of printed output that were dropped because they could not be written',
  },
  uptimeSeconds: {
    source: 'master',
    kind: 'gauge',
    unit: 'seconds',
    help: 'Time since the start of the process',
    column: 'uptime',
    dropOrder: 12,
  },
  restarts: {
    source: 'master',
    kind: 'counter',
    unit: 'times',
    help: 'Restarts after an unexpected exit',
    column: 'restarts',
    dropOrder: 8,
  },
  exits: {
    source: 'master',
    kind: 'counter',
    unit: 'times',
    label: 'exit',
    help: 'Unexpected exits by exit code, signal or `unknown`',
  },
} as const;

/** A figure as it is declared. */
export interface StatusFigure {
  readonly source: FigureSource;
  readonly kind: 'counter' | 'gauge';
  readonly unit: FigureUnit;
  /** What it means, without the unit. */
  readonly help: string;
  readonly label?: string;
  readonly column?: string;
  readonly dropOrder?: number;
  readonly isLoad?: true;
}

/** The part of a cluster that provides a figure. */
export type FigureSource = 'role' | 'process' | 'master';

/** Unit of a figure. */
export type FigureUnit =
  | 'bytes'
  | 'connections'
  | 'entries'
  | 'events'
  | 'lines'
  | 'messages'
  | 'milliseconds'
  | 'perSecond'
  | 'queries'
  | 'seconds'
  | 'times';

type Declared = typeof statusFigures;

/** Name of a figure, in reports and in `--json`. */
export type FigureName = keyof Declared;

type FigureValue<N extends FigureName> = Declared[N] extends { readonly label: string }
  ? Readonly<Record<string, number>>
  : number;

/** The figures of a source by name. */
export type Figures<Source extends FigureSource = FigureSource> = {
  readonly [N in FigureName as Declared[N]['source'] extends Source ? N : never]: FigureValue<N>;
};

/** Every figure with its name, in the order of the columns of `status`. */
export const figureEntries: readonly (readonly [name: FigureName, figure: StatusFigure])[] =
  Object.entries(statusFigures satisfies Readonly<Record<FigureName, StatusFigure>>).map(
    ([name, figure]) => [name as FigureName, figure],
  );

/** Creates the figures of a source without any count. */
export function zeroFigures<Source extends FigureSource>(source: Source): Figures<Source> {
  return collect([source], (_name, { label }) =>
    label === undefined ? 0 : Object.freeze({}),
  ) as Figures<Source>;
}

/**
 * Reads the figures of sources from a value that another process sent. A missing figure is 0, because a process of an
 * older version does not have it.
 *
 * @returns `undefined` when the value has a figure of another type
 */
export function parseFigures<Source extends FigureSource>(
  value: object,
  sources: readonly Source[],
): Figures<Source> | undefined {
  const parsed = collect(sources, (name, { label }) => {
    const field: unknown = Reflect.get(value, name);
    return label === undefined ? parseNumber(field ?? 0) : parseCounts(field ?? {});
  });
  return Object.values(parsed).includes(undefined) ? undefined : (parsed as Figures<Source>);
}

/** Copies the figures of sources from a report; each is null without a report. */
export function copyFigures<Source extends FigureSource>(
  report: Figures<Source> | undefined,
  sources: readonly Source[],
): { readonly [N in keyof Figures<Source>]: Figures<Source>[N] | null } {
  const values: Partial<Record<FigureName, unknown>> = report ?? {};
  const copied = collect(sources, (name) => values[name] ?? null);
  return copied as { readonly [N in keyof Figures<Source>]: Figures<Source>[N] | null };
}

/** Sums the figures that are load: see `isLoad`. */
export function sumLoad(figures: Figures<'role'>): number {
  const values: Partial<Record<FigureName, unknown>> = figures;
  return figureEntries
    .filter(([, { isLoad }]) => isLoad === true)
    .reduce((sum, [name]) => sum + Number(values[name]), 0);
}

function collect(
  sources: readonly FigureSource[],
  toValue: (name: FigureName, figure: StatusFigure) => unknown,
): Record<string, unknown> {
  const included = figureEntries.filter(([, { source }]) => sources.includes(source));
  return Object.fromEntries(included.map(([name, figure]) => [name, toValue(name, figure)]));
}

function parseNumber(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function parseCounts(value: unknown): Record<string, number> | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.fromEntries(
    Object.entries(value).filter(([, count]) => parseNumber(count) !== undefined),
  );
}
