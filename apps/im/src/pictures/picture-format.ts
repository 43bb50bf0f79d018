import type { FormatEnum } from 'sharp';

/** Accepted formats. SVG and PDF, which sharp also reads, may contain scripts and links. */
export type PictureFormat = Extract<keyof FormatEnum, 'jpeg' | 'png' | 'webp' | 'gif'>;

/** Detects the format from the first bytes, not from the name or content type; undefined for other formats. */
export function detectFormat(bytes: Buffer): PictureFormat | undefined {
  const head = bytes.subarray(0, 12).toString('latin1');
  if (head.startsWith('\xff\xd8\xff')) return 'jpeg';
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return 'png';
  if (/^RIFF[\s\S]{4}WEBP/.test(head)) return 'webp';
  return /^GIF8[79]a/.test(head) ? 'gif' : undefined;
}
