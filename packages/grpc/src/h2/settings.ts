/** The payload of SETTINGS: what we say, and what we need of what the client says. */
import type { Limits } from './limits.ts';
import { ConnectionError, defaultMaxFrame, ErrorCode, maxWindow, Setting } from './protocol.ts';

const settingBytes = 6;
const largestFrame = 0xff_ffff;

/** What a server says. */
export function ourSettings(limits: Limits): Buffer {
  return encoded([
    [Setting.MAX_CONCURRENT_STREAMS, limits.maxConcurrentStreams],
    [Setting.INITIAL_WINDOW_SIZE, limits.streamWindow],
    [Setting.MAX_HEADER_LIST_SIZE, limits.maxHeaderListBytes],
  ]);
}

/** What a client says. */
export function clientSettings(limits: Limits): Buffer {
  return encoded([
    [Setting.ENABLE_PUSH, 0],
    [Setting.INITIAL_WINDOW_SIZE, limits.streamWindow],
    [Setting.MAX_HEADER_LIST_SIZE, limits.maxHeaderListBytes],
  ]);
}

function encoded(settings: readonly (readonly [number, number])[]): Buffer {
  const payload = Buffer.alloc(settings.length * settingBytes);
  settings.forEach(([name, value], i) => {
    payload.writeUInt16BE(name, i * settingBytes);
    payload.writeUInt32BE(value, i * settingBytes + 2);
  });
  return payload;
}

/**
 * The last INITIAL_WINDOW_SIZE of a payload; everything else is only checked. Frames longer than the default would
 * only let one stream hold up the others, and our header blocks use no table.
 */
export function readInitialWindow(bytes: Buffer, start: number, length: number): number | undefined {
  if (length % settingBytes !== 0)
    throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, `SETTINGS of ${length} bytes`);
  let initialWindow: number | undefined;
  for (let at = start; at < start + length; at += settingBytes) {
    const value = bytes.readUInt32BE(at + 2);
    switch (bytes.readUInt16BE(at)) {
      case Setting.ENABLE_PUSH:
        if (value > 1) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, `ENABLE_PUSH is ${value}`);
        break;
      case Setting.INITIAL_WINDOW_SIZE:
        if (value > maxWindow)
          throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, `INITIAL_WINDOW_SIZE is ${value}`);
        initialWindow = value;
        break;
      case Setting.MAX_FRAME_SIZE:
        if (value < defaultMaxFrame || value > largestFrame)
          throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, `MAX_FRAME_SIZE is ${value}`);
        break;
    }
  }
  return initialWindow;
}

/** The last value of one setting in a payload that was checked. */
export function readSetting(bytes: Buffer, start: number, length: number, name: number): number | undefined {
  let value: number | undefined;
  for (let at = start; at < start + length; at += settingBytes)
    if (bytes.readUInt16BE(at) === name) value = bytes.readUInt32BE(at + 2);
  return value;
}
