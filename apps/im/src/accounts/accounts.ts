import { limits } from '../../shared/limits.ts';
import type { Me } from '../../shared/model.ts';
import { toLine } from '../../shared/text.ts';
import { AppError, invalid } from '../app-error.ts';
import type { Database, UserRow, Write } from '../database/schema.ts';
import { lockUsers } from '../database/transact.ts';
import type { IdGenerator } from '../ids/id-generator.ts';
import { type Fields, parseHash, parseLine, parseOptionalString, parseString } from '../input.ts';
import { notify, type Push } from '../push.ts';
import { RateLimiter } from '../rate-limiter.ts';
import { checkName, checkPassword, checkPhone, toNameKey, toPhone } from './credentials.ts';
import type { Devices } from './devices.ts';
import { toNetwork } from './network.ts';
import type { PasswordHasher } from './password.ts';
import { createToken, hashToken, type Login } from './token.ts';

/** Dependencies of `Accounts`. */
export interface AccountsOptions {
  readonly db: Database;
  readonly ids: IdGenerator;
  readonly push: Push;
  readonly hasher: PasswordHasher;
  readonly devices: Devices;
  readonly registrationsPerHour: number;
}

/** Result of a registration or login. */
export interface LoggedIn extends Login {
  readonly me: Me;
  readonly token: string;
}

/** Registers users and logs them in. */
export class Accounts {
  readonly #options: AccountsOptions;
  readonly #registrations: RateLimiter;
  /** Wrong passwords for an account from one network. */
  readonly #failures = new RateLimiter({ burst: 10, perSecond: 1 / 30 });
  /** Wrong passwords from one network, for all accounts together. */
  readonly #guesses = new RateLimiter({ burst: 300, perSecond: 1 });
  /**
   * Wrong passwords for an account from all networks: 100 in a row, as in NIST SP 800-63B, then one per minute. So an
   * attacker with many addresses blocks the owner from new logins for one minute at a time.
   */
  readonly #accountFailures = new RateLimiter({ burst: 100, perSecond: 1 / 60 });

  constructor(options: AccountsOptions) {
    this.#options = options;
    const { registrationsPerHour } = options;
    this.#registrations = new RateLimiter({
      burst: registrationsPerHour,
      perSecond: registrationsPerHour / 3600,
    });
  }

  /** @throws {AppError} `invalid`, `name_taken`, `phone_taken`, `too_fast`, `busy` */
  async register(fields: Fields, address: string): Promise<LoggedIn> {
    const name = checkName(parseString(fields, 'name'));
    const password = checkPassword(parseString(fields, 'password'));
    const givenPhone = parseOptionalString(fields, 'phone') ?? '';
    const phone = givenPhone === '' ? null : checkPhone(givenPhone);
    const nickname =
      (fields['nickname'] ?? '') === '' ? name : parseLine(fields, 'nickname', limits.nickname);
    const device = parseDevice(fields);
    const { db, ids, hasher } = this.#options;
    const keys = { name_key: toNameKey(name), phone };
    // Checked before the expensive hash; the unique keys of the table check it again.
    await refuseTaken(db, keys);
    this.#registrations.take(
      toNetwork(address),
      'Too many accounts were created from this network.',
    );
    const hash = await hasher.hash(password);
    return await db.transaction().execute(async (write) => {
      const now = Date.now();
      const user: UserRow = {
        ...keys,
        ...{ id: ids.next(), name, nickname, nickname_key: toNameKey(nickname) },
        ...{ password: hash, avatar: null, created_at: now, last_seen_at: null },
      };
      const { numInsertedOrUpdatedRows } = await write
        .insertInto('users')
        .values(user)
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst();
      if (numInsertedOrUpdatedRows !== 1n) {
        await refuseTaken(write, keys);
        throw new AppError('name_taken', 'That name is taken.');
      }
      return await this.#addDevice(write, user, device);
    });
  }

  /** @throws {AppError} `invalid`, `wrong_credentials`, `too_fast`, `busy` */
  async login(fields: Fields, address: string): Promise<LoggedIn> {
    // toLine removes control characters; PostgreSQL rejects NUL.
    const login = toLine(parseString(fields, 'login')).slice(0, 200);
    const password = parseString(fields, 'password').slice(0, limits.password + 1);
    const device = parseDevice(fields);
    const { db, hasher, devices, push } = this.#options;
    const network = toNetwork(address);
    const attempt = `${network} ${toPhone(login) ?? toNameKey(login)}`;
    // Taken before the check, so that concurrent attempts cannot exceed the limit; given back after a correct password.
    this.#failures.take(attempt, 'Too many wrong passwords.');
    this.#guesses.take(network, 'Too many wrong passwords.');
    const user = await findByLogin(db, login);
    // Name and phone count for one account. Unknown names are limited too, so that responses do not reveal accounts.
    const account = user?.id ?? attempt.slice(network.length);
    this.#accountFailures.take(account, 'Too many wrong passwords.');
    if (!(await hasher.verify(password, user?.password)) || user === undefined) {
      throw new AppError('wrong_credentials', 'The name or the password is wrong.');
    }
    this.#failures.reset(attempt);
    this.#guesses.giveBack(network);
    this.#accountFailures.giveBack(account);
    if (hasher.isWeak(user.password)) {
      const stronger = await hasher.hash(password);
      await db.updateTable('users').set({ password: stronger }).where('id', '=', user.id).execute();
    }
    const { loggedIn, displaced } = await db.transaction().execute(async (write) => {
      await lockUsers(write, [user.id]);
      const removed = await devices.evict(write, user.id);
      return { loggedIn: await this.#addDevice(write, user, device), displaced: removed };
    });
    devices.closeConnections(displaced);
    notify(push, [user.id], { type: 'changed', what: 'devices' });
    return loggedIn;
  }

  /** @throws {AppError} `token_stale` when the account does not exist */
  async findMe(userId: string): Promise<Me> {
    const user = await this.#options.db
      .selectFrom('users')
      .selectAll()
      .where('id', '=', userId)
      .executeTakeFirst();
    if (user !== undefined) return toMe(user);
    throw new AppError('token_stale', 'The account no longer exists.');
  }

  /** @throws {AppError} `invalid`, `picture_unknown` */
  async changeProfile(userId: string, fields: Fields): Promise<Me> {
    const { db, push } = this.#options;
    const changes: Partial<UserRow> = {};
    if (fields['nickname'] !== undefined) {
      const nickname = parseLine(fields, 'nickname', limits.nickname);
      Object.assign(changes, { nickname, nickname_key: toNameKey(nickname) });
    }
    if (fields['avatar'] !== undefined) {
      const avatar = fields['avatar'] === null ? null : parseHash(fields, 'avatar');
      if (avatar !== null) await requirePicture(db, avatar);
      Object.assign(changes, { avatar });
    }
    if (Object.keys(changes).length === 0) throw invalid("'nickname' or 'avatar' is required.");
    const friends = await db.transaction().execute(async (write) => {
      await write.updateTable('users').set(changes).where('id', '=', userId).execute();
      return await write
        .selectFrom('friendships')
        .select('friend_id')
        .where('user_id', '=', userId)
        .execute();
    });
    notify(push, [userId], { type: 'changed', what: 'me' });
    const friendIds = friends.map(({ friend_id }) => friend_id);
    notify(push, friendIds, { type: 'changed', what: 'friends' });
    return await this.findMe(userId);
  }

  async #addDevice(write: Write, user: UserRow, name: string): Promise<LoggedIn> {
    const [deviceId, token, now] = [this.#options.ids.next(), createToken(), Date.now()];
    await write
      .insertInto('devices')
      .values({
        ...{ id: deviceId, user_id: user.id, token_hash: hashToken(token), name },
        ...{ created_at: now, last_used_at: now },
      })
      .execute();
    return { userId: user.id, deviceId, token, me: toMe(user) };
  }
}

function parseDevice(fields: Fields): string {
  const name = toLine(parseOptionalString(fields, 'device') ?? '').slice(0, limits.device);
  return name === '' ? 'A device' : name;
}

async function findByLogin(db: Database, login: string): Promise<UserRow | undefined> {
  const phone = toPhone(login);
  const users = db.selectFrom('users').selectAll();
  const matching =
    phone === undefined
      ? users.where('name_key', '=', toNameKey(login))
      : users.where('phone', '=', phone);
  return await matching.executeTakeFirst();
}

/** @throws {AppError} `name_taken`, `phone_taken` */
async function refuseTaken(
  db: Database | Write,
  { name_key, phone }: Pick<UserRow, 'name_key' | 'phone'>,
): Promise<void> {
  const users = db.selectFrom('users').select('id');
  if ((await users.where('name_key', '=', name_key).executeTakeFirst()) !== undefined) {
    throw new AppError('name_taken', 'That name is taken.');
  }
  if (phone === null) return;
  if ((await users.where('phone', '=', phone).executeTakeFirst()) !== undefined) {
    throw new AppError('phone_taken', 'Another account has that phone number.');
  }
}

/** @throws {AppError} `picture_unknown` */
async function requirePicture(db: Database, hash: string): Promise<void> {
  const found = await db
    .selectFrom('pictures')
    .select('hash')
    .where('hash', '=', hash)
    .executeTakeFirst();
  if (found === undefined) throw new AppError('picture_unknown', 'The picture does not exist.');
}

function toMe({ id, name, nickname, avatar, phone }: UserRow): Me {
  return { id, name, nickname, avatar, phone };
}
