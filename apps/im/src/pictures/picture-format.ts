import type { FormatEnum } from 'sharp';

/** What pictures may be. SVG and PDF, which sharp reads too, may hold programs and links. */
export type PictureFormat = Extract<keyof FormatEnum, 'jpeg' | 'png' | 'webp' | 'gif'>;

/** Tells what a file is by its first bytes, whatever its name or its sender say; undefined for anything else. */
export function detectFormat(bytes: Buffer): PictureFormat | undefined {
  const head = bytes.subarray(0, 12).toString('latin1');
  if (head.startsWith('\xff\xd8\xff')) return 'jpeg';
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return 'png';
  if (/^RIFF[\s\S]{4}WEBP/.test(head)) return 'webp';
  return /^GIF8[79]a/.test(head) ? 'gif' : undefined;
}
