/**
 * Dials the streams of an exec or attach call at the runtime. Input must be able to end while output goes on, so it is
 * the channel protocol v5 where the runtime knows it, and a SPDY session, which every other runtime serves, where not.
 *
 * A URL of a runtime is good for one attempt, so each attempt asks for a new one; what a runtime knows is remembered.
 */
import {
  type ClientStreams,
  HandshakeError,
  openSpdyStreams,
  openStreams,
  type WantedStreams,
} from '@timonier/streaming';

const halfClosing = ['v5.channel.k8s.io'];

export class RuntimeStreams {
  #knowsChannels: boolean | undefined;

  /** `urlOf` makes the call to the runtime; a failure of it is the caller's to tell. */
  async open(urlOf: () => Promise<string>, wanted: WantedStreams): Promise<ClientStreams> {
    if (this.#knowsChannels !== false) {
      const url = await urlOf();
      try {
        const streams = await openStreams(url, { protocols: halfClosing });
        this.#knowsChannels = true;
        return streams;
      } catch (error) {
        // A runtime that has just worked fails for another reason; one that cannot be reached has not been asked.
        if (this.#knowsChannels === true || isUnreachable(error)) throw error;
      }
    }
    const streams = await openSpdyStreams(await urlOf(), wanted);
    this.#knowsChannels = false;
    return streams;
  }
}

function isUnreachable(error: unknown): boolean {
  return !(error instanceof HandshakeError) && error instanceof Error && 'code' in error;
}
