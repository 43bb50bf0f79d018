import { mkdir } from 'node:fs/promises';
import multipart from '@fastify/multipart';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { PictureBody } from '../../shared/http-api.ts';
import { limits, rateLimits } from '../../shared/limits.ts';
import { AppError, invalid } from '../app-error.ts';
import type { Messenger } from '../messenger.ts';
import { Pictures } from '../pictures/pictures.ts';
import { RateLimiter } from '../rate-limiter.ts';
import type { Guard } from './guard.ts';
import { textParameter } from './parameters.ts';

/** Adds the routes for uploads and for pictures, which need a login. */
export async function addPictureRoutes(
  app: FastifyInstance,
  messenger: Messenger,
  guard: Guard,
): Promise<void> {
  const pictureFolder = `${messenger.settings.dataFolder}/pictures`;
  const pictures = new Pictures(messenger.db, pictureFolder);
  const uploads = new RateLimiter({
    burst: rateLimits.pictureBurst,
    perSecond: rateLimits.picturesPerSecond,
  });
  await app.register(multipart, {
    limits: { fileSize: limits.pictureBytes, files: 1, fields: 0, parts: 1, headerPairs: 20 },
    throwFileSizeLimit: true,
  });
  await mkdir(pictureFolder, { recursive: true });
  await app.register(fastifyStatic, { root: pictureFolder, serve: false, decorateReply: true });

  app.post('/api/pictures', async (request, reply): Promise<PictureBody> => {
    const { userId } = await guard.read(request);
    uploads.take(userId, 'Too many pictures.');
    const picture = await pictures.add(userId, await readUpload(request));
    reply.code(201);
    return { picture };
  });

  app.get('/pictures/:hash/:file', async (request, reply) => {
    await guard.read(request);
    const hash = textParameter(request, 'hash');
    const size = /^(full|small)\.webp$/.exec(textParameter(request, 'file'))?.[1];
    // Only a hash and one of two words become part of a path.
    const isPicture = /^[0-9a-f]{64}$/.test(hash) && (size === 'full' || size === 'small');
    if (!isPicture) throw unknownPicture();
    reply.headers({
      'Content-Type': 'image/webp',
      'Cache-Control': 'private, max-age=31536000, immutable',
      'Content-Security-Policy': "default-src 'none'; sandbox",
      'Cross-Origin-Resource-Policy': 'same-origin',
    });
    return reply.sendFile(Pictures.fileName(hash, size), pictureFolder, {
      cacheControl: false,
    });
  });
}

/** @throws {AppError} `invalid`, `picture_too_large`, `wrong_content_type` */
async function readUpload(request: FastifyRequest): Promise<Buffer> {
  if (!request.isMultipart()) {
    throw new AppError('wrong_content_type', 'Please send a picture as multipart/form-data.');
  }
  try {
    const file = await request.file();
    if (file?.fieldname !== 'picture') throw invalid("The field 'picture' has no file.");
    return await file.toBuffer();
  } catch (error) {
    throw toUploadError(error);
  }
}

function toUploadError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  if (status !== 413)
    return new AppError('invalid', 'The upload is incomplete or malformed.', { cause: error });
  const message = `The picture is too large; allowed: ${limits.pictureBytes / 1024 / 1024} MiB.`;
  return new AppError('picture_too_large', message, { cause: error });
}

function unknownPicture(): AppError {
  return new AppError('picture_unknown', 'The picture does not exist.');
}
