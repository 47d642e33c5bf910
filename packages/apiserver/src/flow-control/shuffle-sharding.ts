/**
 * Shuffle sharding: each flow has a hand of a few of a level's queues, dealt by the flow's hash. A flow that floods
 * fills the queues of its own hand only, and two flows hardly ever have the same hand.
 */
import { createHash } from 'node:crypto';
import { entropyBits, maxEntropyBits } from '@timonier/api/flow-control';

/** True when 64 bits of hash are enough to deal such a hand. */
export function isDealable(deck: number, hand: number): boolean {
  return (
    Number.isInteger(deck) &&
    Number.isInteger(hand) &&
    hand >= 1 &&
    hand <= deck &&
    entropyBits(deck, hand) <= maxEntropyBits
  );
}

/** The queues of a flow: `hand` different numbers below `deck`. */
export function dealHand(flow: string, deck: number, hand: number): number[] {
  const digest = createHash('sha256').update(flow).digest();
  let hash = digest.readBigUInt64LE(0);
  const cards: number[] = [];
  for (let i = 0; i < hand; i++) {
    const left = BigInt(deck - i);
    let card = Number(hash % left);
    hash /= left;
    // Numbers count what is left in the deck; each lower one that is gone already moves it up.
    for (const dealt of cards.toSorted((a, b) => a - b)) if (card >= dealt) card++;
    cards.push(card);
  }
  return cards;
}
