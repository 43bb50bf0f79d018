import {
  type ByteReader,
  Command,
  InterestKind,
  readInterest,
  readInterestKnown,
  readJoinsApplied,
  writeInterestSubscribe,
} from '@gatewayworker/protocol';
import type { GatewayLink } from './gateway-link.ts';

/** A join that this process has sent and the gateway may not have carried out yet. */
interface SentJoin {
  /** How many joins were sent over the link up to this one. */
  position: number;
  /** Whether the gateway has told that the name has members. */
  isTold: boolean;
}

/** What is known of one gateway that is followed. */
interface FollowedGateway {
  /** The link as a list, which all names that only this gateway has share. */
  readonly alone: readonly GatewayLink[];
  /** Joins that this process has sent, the oldest first, by name; for uids and for groups. */
  readonly sentJoins: readonly [uids: Map<string, SentJoin>, groups: Map<string, SentJoin>];
}

/** Where the names of one kind have members. */
class NamePlaces {
  readonly #links = new Map<string, readonly GatewayLink[]>();
  /** Links whose names are not all known: whatever the name, they may have members. */
  unknown: readonly GatewayLink[] = [];

  get size(): number {
    return this.#links.size;
  }

  /** The links that may have members of a name. */
  find(name: string): readonly GatewayLink[] {
    const known = this.#links.get(name) ?? nobody;
    if (this.unknown.length === 0) return known;
    return [...this.unknown, ...known.filter((link) => !this.unknown.includes(link))];
  }

  has(name: string, link: GatewayLink): boolean {
    return this.#links.get(name)?.includes(link) === true;
  }

  add(name: string, link: GatewayLink, alone: readonly GatewayLink[]): void {
    const links = this.#links.get(name);
    if (links === undefined) this.#links.set(name, alone);
    else if (!links.includes(link)) this.#links.set(name, [...links, link]);
  }

  remove(name: string, link: GatewayLink): void {
    const links = this.#links.get(name);
    if (links?.includes(link) !== true) return;
    if (links.length === 1) this.#links.delete(name);
    else this.#links.set(name, without(links, link));
  }

  removeAll(link: GatewayLink): void {
    for (const name of this.#links.keys()) this.remove(name, link);
  }
}

const nobody: readonly GatewayLink[] = [];

/**
 * Which gateways have members of which uids and groups, so that a send goes to those alone.
 *
 * Gateways tell of every change. Because the news of a join takes its time, a name that this process
 * itself has joined a client to counts as there from the call on, until the gateway has carried the
 * join out: so whoever joins a client and then sends to the group reaches it.
 */
export class InterestIndex {
  readonly #places: readonly [uids: NamePlaces, groups: NamePlaces] = [
    new NamePlaces(),
    new NamePlaces(),
  ];
  readonly #followed = new Map<GatewayLink, FollowedGateway>();

  /** Names that are known to have members, uids and groups. */
  get size(): number {
    return this.#places[InterestKind.Uid].size + this.#places[InterestKind.Group].size;
  }

  /** Whether it can be asked about: so many links, and all of them followed. */
  covers(links: readonly GatewayLink[]): boolean {
    return this.#followed.size === links.length;
  }

  /** The links of the gateways that may have members of a name, when all links are covered. */
  find(kind: InterestKind, name: string): readonly GatewayLink[] {
    return this.#places[kind].find(name);
  }

  /** Asks a gateway to tell which names it has. Until it has told all, every send goes to it. */
  follow(link: GatewayLink): void {
    if (this.#followed.has(link)) return;
    this.#followed.set(link, { alone: [link], sentJoins: [new Map(), new Map()] });
    for (const places of this.#places) places.unknown = [...places.unknown, link];
    writeInterestSubscribe(link.connection.writer());
  }

  /** The link has ended. */
  unfollow(link: GatewayLink): void {
    if (!this.#followed.delete(link)) return;
    for (const places of this.#places) {
      places.unknown = without(places.unknown, link);
      places.removeAll(link);
    }
  }

  /** A JoinGroup or a BindUid was handed to the link: every one of them must be noted. */
  noteJoin(link: GatewayLink, kind: InterestKind, name: string): void {
    link.sentJoins += 1;
    const gateway = this.#followed.get(link);
    if (gateway === undefined) return;
    const places = this.#places[kind];
    const joins = gateway.sentJoins[kind];
    const isTold = joins.get(name)?.isTold ?? places.has(name, link);
    // Anew, and so behind the older ones.
    joins.delete(name);
    joins.set(name, { position: link.sentJoins, isTold });
    places.add(name, link, gateway.alone);
  }

  /** Takes one of the frames by which a gateway tells of its names. */
  handleFrame(link: GatewayLink, command: number, reader: ByteReader): void {
    const gateway = this.#followed.get(link);
    if (gateway === undefined) return;
    switch (command) {
      case Command.InterestAdded:
        readInterest(reader, (kind, name) => this.#add(link, gateway, kind, name));
        return;
      case Command.InterestRemoved:
        readInterest(reader, (kind, name) => this.#remove(link, gateway, kind, name));
        return;
      case Command.InterestKnown: {
        const { kind, isKnown } = readInterestKnown(reader);
        this.#setKnown(link, gateway, kind, isKnown);
        return;
      }
      case Command.JoinsApplied:
        this.#dropJoins(link, gateway, readJoinsApplied(reader));
        return;
      default:
        return;
    }
  }

  #add(link: GatewayLink, gateway: FollowedGateway, kind: InterestKind, name: string): void {
    const join = gateway.sentJoins[kind].get(name);
    if (join !== undefined) join.isTold = true;
    this.#places[kind].add(name, link, gateway.alone);
  }

  #remove(link: GatewayLink, gateway: FollowedGateway, kind: InterestKind, name: string): void {
    const join = gateway.sentJoins[kind].get(name);
    // Lost before the gateway had the join: what comes of that it tells later.
    if (join !== undefined) join.isTold = false;
    else this.#places[kind].remove(name, link);
  }

  #setKnown(
    link: GatewayLink,
    gateway: FollowedGateway,
    kind: InterestKind,
    isKnown: boolean,
  ): void {
    const places = this.#places[kind];
    places.unknown = without(places.unknown, link);
    if (isKnown) return;
    places.unknown = [...places.unknown, link];
    places.removeAll(link);
    for (const [name, join] of gateway.sentJoins[kind]) {
      join.isTold = false;
      places.add(name, link, gateway.alone);
    }
  }

  /** So many joins were carried out: from here on the gateway's own word counts for their names. */
  #dropJoins(link: GatewayLink, gateway: FollowedGateway, applied: number): void {
    for (const kind of [InterestKind.Uid, InterestKind.Group]) {
      const joins = gateway.sentJoins[kind];
      for (const [name, { position, isTold }] of joins) {
        if (position > applied) break;
        joins.delete(name);
        if (!isTold) this.#places[kind].remove(name, link);
      }
    }
  }
}

function without(links: readonly GatewayLink[], link: GatewayLink): readonly GatewayLink[] {
  return links.filter((other) => other !== link);
}
