/**
 * What a run is about. Every seed draws a profile, and from it everything else: mistakes hide where many unlikely
 * things have to meet, so some profiles bring together what one kind of mistake needs, and leave out what would hide
 * it. Half of the seeds mix everything.
 */
import type { Pipeline } from '../../../packages/store/src/host-options.ts';
import type { Random } from '../random.ts';

const faultKinds = [
  'crash',
  'massacre',
  'powerLoss',
  'stop',
  'partition',
  'oneWay',
  'depose',
  'reset',
  'storm',
  'ambush',
  'usurp',
  'relapse',
  'limbo',
  'duel',
  'blink',
  'freeze',
  'stall',
  'slowDisk',
  'fullDisk',
  'transfer',
  'loss',
  'slowNet',
  'double',
  'overtake',
] as const;

/** A plan that needs nothing else in its way is drawn by its own profile alone. */
export type FaultKind = (typeof faultKinds)[number] | 'comeback';

/** Those that break connections while everybody lives, after which a lease may overlap another leader on purpose. */
const endLoyalty: readonly FaultKind[] = [
  'reset',
  'storm',
  'ambush',
  'usurp',
  'relapse',
  'limbo',
  'duel',
  'transfer',
  'stop',
  'crash',
  'massacre',
];

/** What leaders of short reigns are hit by. */
export type OnElection = 'reign-ends' | 'late-mail' | undefined;

export interface Profile {
  readonly name?: ProfileName;
  readonly size: number;
  readonly faults: {
    readonly kinds: readonly FaultKind[];
    /** Mean time between two, and until a dead process is back, in milliseconds. */
    readonly paceMs: number;
    readonly downMs: number;
    /** Nothing ends loyalty on purpose: a proof of leadership must hold. */
    readonly loyal: boolean;
    readonly onElection: OnElection;
    /** Longest delay of a frame when nothing else is said, and the chance that one of the core is doubled. */
    readonly delayMs: number;
    readonly double: number;
    readonly echoMs: readonly number[];
    /** Lengths of times with faults and of those without, one of which is drawn each time, in milliseconds. */
    readonly activeMs: readonly number[];
    readonly quietMs: readonly number[];
    /** A leader is cut off at the moment when somebody promises less than before. */
    readonly worstMoments: boolean;
    /** A voter is killed when its vote has arrived. */
    readonly amnesia: boolean;
    /** A machine that was added is lost once it has what the others have. */
    readonly newcomers: boolean;
  };
  readonly clients: {
    readonly count: number;
    /** Mean pause between two requests of one, in milliseconds. */
    readonly thinkMs: number;
    readonly compactions: boolean;
    readonly lulls: boolean;
    /** Share of requests that are about leases, and how many leases are known at a time. */
    readonly leases: number;
    readonly leasesKnown: number;
    /** Longest time after an election until who keeps a lease alive asks again, in milliseconds. */
    readonly keepMs: number;
    readonly valueBytes: number;
  };
  readonly watchers: number;
  readonly trailingEntries: number;
  readonly segmentBytes: number;
  readonly drift: number;
  readonly pipeline: Pipeline | undefined;
  /** Mean time between two changes of members; undefined when there are none. */
  readonly changeMs: number | undefined;
  /** Chance that the next change is asked for before the answer to one. */
  readonly hurry: number;
  readonly witnesses: boolean;
  /** How many members may be on their way to other addresses at the same time. */
  readonly moving: number;
  /** Share of hosts with a disk so quick that members wait for it themselves, frozen meanwhile. */
  readonly quickDisks: number;
  /** Share of hosts that begin with an older release. */
  readonly older: number;
}

type Draw = (random: Random) => Profile;

function pipelineOf(random: Random): Pipeline {
  return { maxInflight: random.pick([1, 1, 8]), maxAppendBytes: random.pick([1, 1, 200]) };
}

/** Reigns that are short need many of them before anything goes wrong. */
const longer = [1_200, 4_000, 10_000];

/** Of up to seven hosts. */
const movingAtOnce = [1, 2, 3];

const mixed: Draw = (random) => {
  const loyal = random.chance(0.3);
  const share = random.pick([0.15, 0.4, 0.7]);
  const possible = faultKinds.filter((kind) => !loyal || !endLoyalty.includes(kind));
  const chosen = possible.filter(() => random.chance(share));
  const drawn = {
    size: random.pick([1, 3, 3, 3, 3, 3, 5, 5, 5]),
    faults: {
      kinds: chosen.length === 0 ? [random.pick(possible)] : chosen,
      paceMs: random.pick([20, 60, 250]),
      downMs: random.pick([20, 200, 2_000]),
      loyal,
      onElection: undefined,
      delayMs: 1,
      double: 0,
      echoMs: [5, 30, 500, 5_000],
      activeMs: [300, 1_000, 2_500],
      quietMs: [300, 1_000, 2_500],
      worstMoments: false,
      amnesia: false,
      newcomers: false,
    },
    clients: {
      count: random.pick([3, 8, 20]),
      thinkMs: random.pick([20, 100, 400]),
      compactions: random.chance(0.6),
      lulls: random.chance(0.15),
      leases: random.pick([0, 0.14, 0.14, 0.4]),
      leasesKnown: random.pick([5, 20]),
      keepMs: 60,
      valueBytes: random.pick([0, 0, 300, 1_000]),
    },
    watchers: random.pick([0, 4, 10]),
    trailingEntries: random.pick([0, 5, 50, 1_000]),
    segmentBytes: random.pick([8, 32, 128]) * 1024,
    drift: random.pick([0, 0.001, 0.004]),
    pipeline: random.chance(0.2) ? pipelineOf(random) : undefined,
    changeMs: random.chance(0.25) ? random.pick([300, 1_000, 3_000]) : undefined,
    hurry: random.pick([0, 0.3]),
    witnesses: random.chance(0.6),
    quickDisks: 0.4,
    older: random.chance(0.2) ? random.pick([0.3, 0.7, 1]) : 0,
  };
  return { ...drawn, moving: drawn.changeMs === undefined ? 0 : random.pick(movingAtOnce) };
};

function withChanges(base: Profile, change: Partial<Profile>, faults: Partial<Profile['faults']>): Profile {
  return { ...base, ...change, faults: { ...base.faults, ...faults } };
}

/** Leaders are cut off before they have copied everything, again and again, with a narrow pipeline (figure 8). */
const shortReigns: Draw = (random) => {
  const base = mixed(random);
  const kinds = faultKinds.filter((kind) => kind !== 'usurp' && kind !== 'blink' && random.chance(0.1));
  const planned: Partial<Profile['faults']> = random.chance(0.4)
    ? { kinds: ['comeback'], onElection: undefined, paceMs: 250, activeMs: longer }
    : {};
  return withChanges(
    base,
    {
      size: random.pick([3, 5, 5]),
      clients: { ...base.clients, count: 5, thinkMs: random.pick([20, 80]) },
      watchers: 0,
      pipeline: pipelineOf(random),
      changeMs: undefined,
      older: 0,
    },
    {
      kinds,
      loyal: false,
      onElection: 'reign-ends',
      activeMs: longer,
      double: random.pick([0, 0, 0.3]),
      ...planned,
    },
  );
};

const inDecision: readonly FaultKind[] = ['limbo', 'limbo', 'limbo'];

/** Members come and go while there are a few faults. */
const churn: Draw = (random) => {
  const base = mixed(random);
  return withChanges(
    base,
    {
      size: random.pick([1, 2, 3, 3, 5]),
      changeMs: random.pick([100, 300, 1_000]),
      moving: random.pick(movingAtOnce),
      hurry: random.pick([0, 0.5]),
      clients: { ...base.clients, thinkMs: 100 },
      trailingEntries: random.pick([0, 50]),
    },
    {
      kinds: [...base.faults.kinds, 'crash', 'depose', ...(random.chance(0.5) ? inDecision : [])],
      paceMs: random.pick([100, 250]),
      downMs: random.pick([200, 2_000, 8_000]),
      loyal: false,
      ...(random.chance(0.4) ? { onElection: 'reign-ends', activeMs: longer } : {}),
      newcomers: random.chance(0.5),
    },
  );
};

/** Nobody ends loyalty on purpose; timeouts rise and fall, and voters forget what they promised. */
const promises: Draw = (random) => {
  const base = mixed(random);
  const forgetful = random.chance(0.5);
  return withChanges(
    base,
    {
      size: 3,
      clients: { ...base.clients, count: 2, thinkMs: 400, leases: 0 },
      watchers: 0,
      changeMs: undefined,
      older: 0,
      drift: random.pick([0, 0.004]),
    },
    {
      loyal: true,
      downMs: 20,
      ...(forgetful
        ? { kinds: ['blink', 'blink', 'oneWay', 'partition', 'powerLoss'], paceMs: 400 }
        : // What was slow is remembered for 20 seconds.
          { kinds: ['slowNet'], paceMs: 100, activeMs: [700], quietMs: [22_000], worstMoments: true }),
    },
  );
};

/** Disks of log and state stall each by itself, and the power goes meanwhile. */
const disks: Draw = (random) => {
  const base = mixed(random);
  const full: readonly FaultKind[] = random.chance(0.4) ? ['fullDisk', 'fullDisk'] : [];
  return withChanges(
    base,
    {
      size: random.pick([1, 3, 3]),
      clients: {
        ...base.clients,
        count: 8,
        thinkMs: random.pick([20, 60]),
        valueBytes: random.pick([300, 1_000]),
        lulls: random.chance(0.7),
      },
      watchers: random.pick([0, 4]),
      trailingEntries: 0,
      segmentBytes: random.pick([4, 8]) * 1024,
      changeMs: undefined,
    },
    {
      kinds: ['stall', 'stall', 'slowDisk', 'powerLoss', 'powerLoss', 'crash', ...full],
      paceMs: random.pick([60, 250]),
      downMs: random.pick([10, 200]),
      loyal: false,
      onElection: undefined,
    },
  );
};

/** An old leader keeps one follower for itself while the others elect another; clients care for leases. */
const usurpers: Draw = (random) => {
  const base = mixed(random);
  // Where the network was slow, an old leader takes long to notice.
  const kinds = random.pick<readonly FaultKind[]>([
    ['usurp'],
    ['usurp', 'slowNet'],
    ['limbo'],
    ['limbo', 'usurp', 'slowNet'],
  ]);
  // What an old leader promised shows only on a lease that nobody renews under the new one.
  const usurping = kinds.includes('usurp');
  return withChanges(
    base,
    {
      size: 5,
      clients: {
        ...base.clients,
        count: random.pick([5, 10]),
        thinkMs: usurping ? random.pick([100, 400]) : 100,
        leases: 0.6,
        leasesKnown: random.pick([10, 25]),
        keepMs: usurping ? random.pick([200, 600]) : 60,
        lulls: usurping ? random.chance(0.7) : base.clients.lulls,
      },
      watchers: 0,
      changeMs: undefined,
      older: 0,
      drift: 0,
      // Others answer while they write.
      quickDisks: random.pick([0, 0.4]),
    },
    {
      kinds,
      paceMs: 500,
      loyal: false,
      onElection: undefined,
      quietMs: usurping || random.chance(0.5) ? base.faults.quietMs : [3_500],
    },
  );
};

/** What was meant for an old leader arrives when there is a new one. */
const lateMail: Draw = (random) => {
  const base = mixed(random);
  return withChanges(
    base,
    {
      size: 3,
      clients: { ...base.clients, count: 12, thinkMs: 20, leases: 0, compactions: false },
      watchers: 0,
      changeMs: undefined,
      older: 0,
    },
    {
      kinds: ['depose'],
      paceMs: 900,
      loyal: false,
      onElection: 'late-mail',
      activeMs: longer,
      delayMs: random.pick([20, 60, 120]),
    },
  );
};

/** Everybody campaigns at once, voters die when their vote has arrived, and requests for votes arrive twice. */
const forgottenVotes: Draw = (random) => {
  const base = mixed(random);
  return withChanges(
    base,
    {
      size: random.pick([3, 5]),
      clients: { ...base.clients, count: 3, thinkMs: 400, leases: 0 },
      watchers: 0,
      changeMs: undefined,
      older: 0,
    },
    {
      kinds: ['duel'],
      paceMs: 250,
      downMs: 4,
      loyal: false,
      onElection: undefined,
      delayMs: 10,
      double: 0.8,
      echoMs: [40],
      amnesia: true,
    },
  );
};

/** Leaders change often, and what was acknowledged to one is acknowledged to the next again. */
const echoes: Draw = (random) => {
  const base = mixed(random);
  return withChanges(
    base,
    {
      size: 5,
      clients: { ...base.clients, count: 20, thinkMs: 20, leases: 0 },
      watchers: 0,
      changeMs: undefined,
      older: 0,
    },
    {
      kinds: ['relapse'],
      paceMs: 300,
      loyal: false,
      activeMs: longer,
      double: 0.5,
      echoMs: [300],
    },
  );
};

const draws = {
  mixed: { share: 0.36, draw: mixed },
  'short reigns': { share: 0.1, draw: shortReigns },
  churn: { share: 0.12, draw: churn },
  promises: { share: 0.1, draw: promises },
  disks: { share: 0.1, draw: disks },
  usurpers: { share: 0.07, draw: usurpers },
  'late mail': { share: 0.05, draw: lateMail },
  'forgotten votes': { share: 0.05, draw: forgottenVotes },
  echoes: { share: 0.05, draw: echoes },
} as const satisfies Record<string, { readonly share: number; readonly draw: Draw }>;

export type ProfileName = keyof typeof draws;

const profileNames = Object.keys(draws) as readonly ProfileName[];

/** `name`: this one, and not what the seed draws. */
export function drawProfile(random: Random, name?: ProfileName): Profile {
  let at = random.next();
  let drawn: ProfileName = 'mixed';
  for (const each of profileNames) {
    drawn = each;
    if (at < draws[each].share) break;
    at -= draws[each].share;
  }
  const chosen = name ?? drawn;
  return { ...draws[chosen].draw(random), name: chosen };
}
