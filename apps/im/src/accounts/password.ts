import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { busy } from '../app-error.ts';

/**
 * With the default N = 2^15 this is one of the settings that OWASP recommends as equivalent to N = 2^17, r = 8, p = 1.
 * A hash needs 32 MiB instead of 128 MiB.
 *
 * Source: https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#scrypt
 */
const [blockSize, parallelization, saltBytes, keyBytes] = [8, 3, 16, 32];

/** Maximum number of running and queued hashes in one process: each takes 32 MiB and 0.3 s by default. */
const maxWaiting = 64;

/** Hashes and verifies passwords with scrypt. */
export class PasswordHasher {
  readonly #cost: number;
  /** A random hash that passwords of unknown names are compared with. */
  readonly #decoy: string;
  #waiting = 0;

  /** @param logCost - N is 2 to this power, 10 to 20 */
  constructor(logCost: number) {
    this.#cost = 2 ** logCost;
    this.#decoy = format(this.#cost, randomBytes(saltBytes), randomBytes(keyBytes));
  }

  /**
   * Hashes a password: `scrypt$N$r$p$salt$key`, the last two in base64url.
   *
   * @throws {AppError} `busy` when the queue is full
   */
  async hash(password: string): Promise<string> {
    const salt = randomBytes(saltBytes);
    return format(this.#cost, salt, await this.#derive(password, salt, options(this.#cost)));
  }

  /**
   * Verifies a password. An undefined hash (unknown name) takes as long and returns false.
   *
   * @throws {AppError} `busy` when the queue is full
   */
  async verify(password: string, hash: string | undefined): Promise<boolean> {
    const [, cost, r, p, salt = '', key = ''] = (hash ?? this.#decoy).split('$');
    const expected = Buffer.from(key, 'base64url');
    const terms = options(Number(cost), Number(r), Number(p));
    const actual = await this.#derive(password, Buffer.from(salt, 'base64url'), terms);
    return timingSafeEqual(actual, expected) && hash !== undefined;
  }

  /** Returns true if a hash has a lower cost than a new one. */
  isWeak(hash: string): boolean {
    const [, cost, r, p] = hash.split('$').map(Number);
    return Number(cost) * Number(r) * Number(p) < this.#cost * blockSize * parallelization;
  }

  async #derive(password: string, salt: Buffer, terms: ScryptOptions): Promise<Buffer> {
    if (this.#waiting >= maxWaiting) throw busy('Too many users are logging in.');
    this.#waiting += 1;
    try {
      return await new Promise((resolve, reject) => {
        // Keyboards produce different compositions of the same character.
        scrypt(password.normalize('NFKC'), salt, keyBytes, terms, (error, key) => {
          if (error === null) resolve(key);
          else reject(error);
        });
      });
    } finally {
      this.#waiting -= 1;
    }
  }
}

function options(cost: number, r = blockSize, p = parallelization): ScryptOptions {
  return { N: cost, r, p, maxmem: 256 * (cost + p) * r };
}

function format(cost: number, salt: Buffer, key: Buffer): string {
  const encoded = [salt, key].map((bytes) => bytes.toString('base64url'));
  return ['scrypt', cost, blockSize, parallelization, ...encoded].join('$');
}
