import { createHash, randomUUID } from 'node:crypto';
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { limits } from '../../shared/limits.ts';
import type { Picture } from '../../shared/model.ts';
import { AppError, busy } from '../app-error.ts';
import { findPictures } from '../conversations/content.ts';
import type { Database } from '../database/schema.ts';
import { detectFormat } from './picture-format.ts';

/** Sizes in which a picture is kept, by the names of the files. */
export type PictureSize = 'full' | 'small';

/** Pictures that may be under way or wait at once: each holds up to 160 MB of pixels while it is read. */
const maxWaiting = 16;

/** Keeps pictures, each content once, in files that are named by nothing but its hash. */
export class Pictures {
  readonly #db: Database;
  readonly #folder: string;
  #waiting = 0;
  /** One after the other: the pixels of many at once would fill the memory. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(db: Database, folder: string) {
    this.#db = db;
    this.#folder = folder;
  }

  /**
   * Keeps an uploaded picture, re-encoded without its metadata.
   *
   * @throws {AppError} `not_a_picture`, `picture_too_many_pixels`, `busy`
   */
  async add(userId: string, bytes: Buffer): Promise<Picture> {
    const hash = createHash('sha256').update(bytes).digest('hex');
    const known = (await findPictures(this.#db, [hash])).get(hash);
    if (known !== undefined && (await this.#isComplete(hash))) return known;
    if (this.#waiting >= maxWaiting) throw busy('Too many pictures arrive right now.');
    this.#waiting += 1;
    const kept = this.#last.then(() => this.#keep(userId, hash, bytes));
    this.#last = kept.catch(() => undefined);
    return await kept.finally(() => {
      this.#waiting -= 1;
    });
  }

  /** Path of the file of a picture, relative to the folder; `hash` has been checked to be one. */
  static fileName(hash: string, size: PictureSize): string {
    return `${hash.slice(0, 2)}/${hash}-${size}.webp`;
  }

  async #keep(userId: string, hash: string, bytes: Buffer): Promise<Picture> {
    const format = detectFormat(bytes);
    if (format === undefined) throw notAPicture();
    await refuseTooManyPixels(bytes);
    const full = await resize(bytes, limits.pictureFull);
    const small = await resize(bytes, limits.pictureSmall);
    await mkdir(join(this.#folder, hash.slice(0, 2)), { recursive: true });
    await this.#write(Pictures.fileName(hash, 'small'), small.data);
    await this.#write(Pictures.fileName(hash, 'full'), full.data);
    const { width, height } = full.info;
    await this.#db.transaction().execute((write) =>
      write
        .insertInto('pictures')
        .values({ hash, width, height, uploaded_by: userId, created_at: Date.now() })
        .onConflict((conflict) => conflict.doNothing())
        .execute(),
    );
    return { hash, width, height };
  }

  /** Whole or not at all, whoever writes the same at the same time or dies meanwhile. */
  async #write(name: string, data: Buffer): Promise<void> {
    const path = join(this.#folder, name);
    const draft = `${path}.${randomUUID()}`;
    try {
      await writeFile(draft, data);
      await rename(draft, path);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
  }

  async #isComplete(hash: string): Promise<boolean> {
    const files = (['full', 'small'] as const).map((size) =>
      stat(join(this.#folder, Pictures.fileName(hash, size))),
    );
    return (await Promise.allSettled(files)).every(({ status }) => status === 'fulfilled');
  }
}

/** Reads the header alone. @throws {AppError} `not_a_picture`, `picture_too_many_pixels` */
async function refuseTooManyPixels(bytes: Buffer): Promise<void> {
  const { width, height } = await sharp(bytes, { limitInputPixels: false })
    .metadata()
    .catch((error: unknown) => {
      throw notAPicture(error);
    });
  if (width * height <= limits.picturePixels) return;
  const message = `That picture has ${width} × ${height} pixels; ${limits.picturePixels / 1e6} million are allowed.`;
  throw new AppError('picture_too_many_pixels', message);
}

async function resize(bytes: Buffer, size: number) {
  // Reads the first frame of a moving picture; `rotate` turns it the way its metadata, which goes, says.
  return await sharp(bytes, { limitInputPixels: limits.picturePixels, failOn: 'error' })
    .rotate()
    .resize({ width: size, height: size, fit: 'inside', withoutEnlargement: true })
    .webp({ quality: 82 })
    .toBuffer({ resolveWithObject: true })
    .catch((error: unknown) => {
      throw notAPicture(error);
    });
}

function notAPicture(cause?: unknown): AppError {
  const message = 'That is no picture: JPEG, PNG, WebP and GIF are.';
  return new AppError('not_a_picture', message, cause === undefined ? {} : { cause });
}
