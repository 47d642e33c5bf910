/**
 * Who belongs to the group: the encoding of configuration entries, which changes are allowed, and the configurations
 * in force along the log.
 *
 * A configuration applies from the moment its entry is in the log, committed or not, so cutting the entry off must
 * bring the one before back: that is why the history is kept.
 */
import type { Configuration, NodeId } from './types.ts';

/**
 * The data of a `config` entry. `context` is the host's own text about the change (such as addresses of members); the
 * core carries it and does not look at it.
 */
export function encodeConfiguration(configuration: Configuration, context = ''): Uint8Array {
  const { voters, learners } = configuration;
  return new TextEncoder().encode(
    JSON.stringify(context === '' ? { voters, learners } : { voters, learners, context }),
  );
}

/** The opposite of encodeConfiguration; throws TypeError when the data is anything else. */
export function decodeConfiguration(data: Uint8Array): { configuration: Configuration; context: string } {
  const value: unknown = JSON.parse(new TextDecoder().decode(data));
  if (typeof value !== 'object' || value === null)
    throw new TypeError('a configuration entry holds a JSON object');
  const voters = idsOf('voters' in value ? value.voters : undefined);
  const learners = idsOf('learners' in value ? value.learners : undefined);
  const context = 'context' in value && typeof value.context === 'string' ? value.context : '';
  return { configuration: { voters, learners }, context };
}

function idsOf(value: unknown): NodeId[] {
  if (!Array.isArray(value)) throw new TypeError('a configuration entry lists voters and learners');
  return value.map((id) => {
    if (typeof id !== 'string' || id === '') throw new TypeError(`not a member id: ${String(id)}`);
    return id;
  });
}
