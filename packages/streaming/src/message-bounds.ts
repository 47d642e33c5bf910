/**
 * What one message of a WebSocket may be made of. Its end chooses into how many frames it cuts a message, and into how many pieces
 * those; each is kept by itself until the message is whole, with some hundred bytes beside its own.
 */

export interface MessageBounds {
  readonly maxPayload: number;
  /** Frames of one message. */
  readonly maxFragments: number;
  /** Pieces of one frame, as the connection gave them. */
  readonly maxBufferedChunks: number;
}

/** For streams: a message in the smallest packets that networks have. */
export const streamBounds: MessageBounds = {
  maxPayload: 4 * 1024 * 1024,
  maxFragments: 4_096,
  maxBufferedChunks: 8_192,
};

/** For what is read and forgotten; whoever says more is told so, and its connection ends. */
export const forgottenBounds: MessageBounds = {
  maxPayload: 64 * 1024,
  maxFragments: 256,
  maxBufferedChunks: 256,
};
