/**
 * Returns the memory of large buffers as soon as they have done their work, where very many pass through: a state that is
 * read, sent or received, the pages of a store that is loaded.
 *
 * V8 counts the memory of buffers and collects the whole heap whenever some tens of megabytes were taken since the last
 * time, on all its threads: with a gigabyte of state on its way that is a hundred collections of a heap that holds the
 * index of that state, most of the processor time of a transfer. Memory that is given back is not counted, and is the
 * next buffer's at once.
 */

/** Smaller ones are cheaper to collect than to give back; those below half of this may share memory with others. */
const leastBytes = 8 * 1024;

/**
 * Nobody may use the buffer afterwards: it is empty then, and so is every view of the same memory. One that is part of
 * something larger is left alone.
 */
export function giveBack(buffer: Uint8Array): void {
  const { buffer: memory, byteLength } = buffer;
  if (byteLength >= leastBytes && memory instanceof ArrayBuffer && memory.byteLength === byteLength)
    memory.transfer(0);
}

/**
 * The same for all memory that a view is part of, such as a message that its fields are views of. Memory that may be one of
 * Node's pools is left alone.
 */
export function giveBackAround({ buffer: memory }: Uint8Array): void {
  if (memory instanceof ArrayBuffer && memory.byteLength > Math.max(leastBytes, Buffer.poolSize))
    memory.transfer(0);
}
