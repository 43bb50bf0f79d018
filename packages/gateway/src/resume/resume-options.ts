import {
  assertInteger,
  assertOptionsObject,
  rejectUnknownKeys,
  withoutUndefined,
} from '@gatewayworker/core';

/** Options of sessions that resume. */
export interface ResumeOptions {
  /** Time for which a client without a connection can resume, in milliseconds, 1,000 to 86,400,000. @default 120000 */
  readonly windowMs?: number;
  /** Bytes of messages that each sending process keeps for clients that resume, 1,024 to 1,073,741,824. @default 67108864 */
  readonly ringBytes?: number;
  /** Clients without a connection that one process keeps, 0 to 10,000,000; above it the oldest one is closed. @default 100000 */
  readonly maxParked?: number;
}

/** Defaults of the resume options. */
export const resumeDefaults: Required<ResumeOptions> = Object.freeze({
  windowMs: 120_000,
  ringBytes: 67_108_864,
  maxParked: 100_000,
});

/** @throws {GW_ERR_OPTION_INVALID} naming the option, its value and what is allowed */
export function resolveResume(resume: ResumeOptions | false = {}): Required<ResumeOptions> | false {
  if (resume === false) return false;
  assertOptionsObject('Gateway.resume', resume);
  rejectUnknownKeys('Gateway.resume', resume, Object.keys(resumeDefaults));
  const resolved = { ...resumeDefaults, ...withoutUndefined(resume) };
  assertInteger('Gateway.resume.windowMs', resolved.windowMs, { min: 1000, max: 86_400_000 });
  assertInteger('Gateway.resume.ringBytes', resolved.ringBytes, { min: 1024, max: 1_073_741_824 });
  assertInteger('Gateway.resume.maxParked', resolved.maxParked, { min: 0, max: 10_000_000 });
  return resolved;
}
