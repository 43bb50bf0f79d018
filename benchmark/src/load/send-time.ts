// A message contains its send time as seven characters of five bits each, in microseconds of the monotonic clock of the
// machine, which all processes share. The characters, '0' to 'O', need no escape in JSON. 35 bits are nine hours;
// differences are calculated modulo that.

/** Number of characters of a send time. */
export const SEND_TIME_LENGTH = 7;

const FIRST_CHARACTER = 48;
const LOW_FACTOR = 2 ** 20;
const MODULUS = 2 ** 35;

/** Returns the time in microseconds of a clock that all threads and processes of this machine share. */
export function monotonicMicros(): number {
  // `performance.now()` starts at 0 in each thread, and the offset between threads cannot be measured exactly.
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e6 + nanoseconds / 1e3;
}

/** Writes a send time as characters into a message. */
export function writeSendTime(buffer: Buffer, position: number, micros: number): void {
  const whole = Math.floor(micros) % MODULUS;
  const high = Math.floor(whole / LOW_FACTOR);
  const low = whole % LOW_FACTOR;
  buffer[position] = FIRST_CHARACTER + ((high >> 10) & 31);
  buffer[position + 1] = FIRST_CHARACTER + ((high >> 5) & 31);
  buffer[position + 2] = FIRST_CHARACTER + (high & 31);
  buffer[position + 3] = FIRST_CHARACTER + ((low >> 15) & 31);
  buffer[position + 4] = FIRST_CHARACTER + ((low >> 10) & 31);
  buffer[position + 5] = FIRST_CHARACTER + ((low >> 5) & 31);
  buffer[position + 6] = FIRST_CHARACTER + (low & 31);
}

/** Reads a send time: microseconds modulo 2^35. */
export function readSendTime(buffer: Buffer, position: number): number {
  const digit = (index: number) => (buffer[position + index] ?? 0) - FIRST_CHARACTER;
  const high = (digit(0) << 10) | (digit(1) << 5) | digit(2);
  const low = (digit(3) << 15) | (digit(4) << 10) | (digit(5) << 5) | digit(6);
  return high * LOW_FACTOR + low;
}

/** Returns the microseconds from a send time until `micros`, at least 0. */
export function microsSince(sentAt: number, micros: number): number {
  const passed = (Math.floor(micros) % MODULUS) - sentAt;
  return passed < -MODULUS / 2 ? passed + MODULUS : Math.max(0, passed);
}
