import type { Time } from '../../shared/model.ts';

const clock = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' });
const weekday = new Intl.DateTimeFormat('en', { weekday: 'long' });
const day = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short' });
const dayOfYear = new Intl.DateTimeFormat('en', {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
});
const minuteMs = 60_000;

export function toClock(time: Time): string {
  return clock.format(time);
}

/** Number of days between two times, in the local calendar. */
function daysBetween(time: Time, now: Time): number {
  const start = (at: Time) => new Date(at).setHours(0, 0, 0, 0);
  return Math.round((start(now) - start(time)) / 86_400_000);
}

export function isSameDay(one: Time, other: Time): boolean {
  return daysBetween(one, other) === 0;
}

/** `3 Mar 2026`. */
export function toDate(time: Time): string {
  return dayOfYear.format(time);
}

/** `Today`, `Yesterday`, `Monday`, `3 Mar`. */
export function toDay(time: Time, now: Time): string {
  const days = daysBetween(time, now);
  if (days <= 0) return 'Today';
  if (days === 1) return 'Yesterday';
  if (days < 7) return weekday.format(time);
  return days < 300 ? day.format(time) : dayOfYear.format(time);
}

/** The time for today, otherwise the day. */
export function toShort(time: Time, now: Time): string {
  return isSameDay(time, now) ? toClock(time) : toDay(time, now);
}

/** `last seen 5 min ago`, `last seen yesterday`. */
export function toLastSeen(time: Time | null, now: Time): string {
  if (time === null) return 'offline';
  const minutes = Math.floor((now - time) / minuteMs);
  if (minutes < 1) return 'last seen just now';
  if (minutes < 60) return `last seen ${minutes} min ago`;
  if (isSameDay(time, now)) return `last seen at ${toClock(time)}`;
  const date = toDay(time, now);
  return `last seen ${date === 'Yesterday' ? 'yesterday' : date}`;
}
