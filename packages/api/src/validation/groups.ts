/** The rules of all kinds that have a file of their group. */
import type { Rules } from './rules.ts';

export const groupRules: Readonly<Record<string, Rules>> = {};
