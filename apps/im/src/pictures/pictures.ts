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

/** Stored sizes of a picture. */
export type PictureSize = 'full' | 'small';

/** Maximum number of running and queued conversions: each decodes up to 160 MB of pixels. */
const maxWaiting = 16;

/** Stores pictures, once per content, in files named after its hash. */
export class Pictures {
  readonly #db: Database;
  readonly #folder: string;
  #waiting = 0;
  /** Conversions run one after the other, because parallel ones would need too much memory. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(db: Database, folder: string) {
    this.#db = db;
    this.#folder = folder;
  }

  /**
   * Stores an uploaded picture, re-encoded without metadata.
   *
   * @throws {AppError} `not_a_picture`, `picture_too_many_pixels`, `busy`
   */
  async add(userId: string, bytes: Buffer): Promise<Picture> {
    const hash = createHash('sha256').update(bytes).digest('hex');
    const known = (await findPictures(this.#db, [hash])).get(hash);
    if (known !== undefined && (await this.#isComplete(hash))) return known;
    if (this.#waiting >= maxWaiting) throw busy('Too many pictures are waiting.');
    this.#waiting += 1;
    const stored = this.#last.then(() => this.#store(userId, hash, bytes));
    this.#last = stored.catch(() => undefined);
    return await stored.finally(() => {
      this.#waiting -= 1;
    });
  }

  /** Path of the file of a picture, relative to the folder. `hash` must be validated. */
  static fileName(hash: string, size: PictureSize): string {
    return `${hash.slice(0, 2)}/${hash}-${size}.webp`;
  }

  async #store(userId: string, hash: string, bytes: Buffer): Promise<Picture> {
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

  /** Writes a file atomically, by a rename. */
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

/** Reads only the header. @throws {AppError} `not_a_picture`, `picture_too_many_pixels` */
async function refuseTooManyPixels(bytes: Buffer): Promise<void> {
  const { width, height } = await sharp(bytes, { limitInputPixels: false })
    .metadata()
    .catch((error: unknown) => {
      throw notAPicture(error);
    });
  if (width * height <= limits.picturePixels) return;
  const message = `The picture has ${width} × ${height} pixels; allowed: ${limits.picturePixels / 1e6} million.`;
  throw new AppError('picture_too_many_pixels', message);
}

async function resize(bytes: Buffer, size: number) {
  // Only the first frame of an animation is read. `rotate` applies the orientation of the metadata, which is removed.
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
  const message = 'The file is not a picture; allowed: JPEG, PNG, WebP, GIF.';
  return new AppError('not_a_picture', message, cause === undefined ? {} : { cause });
}
