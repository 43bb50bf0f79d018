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

/** A join that this process has sent and that the gateway may not have applied yet. */
interface SentJoin {
  /** Number of joins sent over the link, including this one. */
  position: number;
  /** Whether the gateway has reported that the name has members. */
  isReported: boolean;
}

/** A gateway whose interest updates this process follows. */
interface FollowedGateway {
  /** A list with only this link, shared by all names that only this gateway has. */
  readonly onlyThisLink: readonly GatewayLink[];
  /** Joins sent by this process, by name, the oldest first; for uids and for groups. */
  readonly sentJoins: readonly [uids: Map<string, SentJoin>, groups: Map<string, SentJoin>];
}

/** The links of the gateways that have members, by name, for one kind of names. */
class LinksByName {
  readonly #links = new Map<string, readonly GatewayLink[]>();
  /** Links of gateways that have not reported all names yet. They may have members of any name. */
  unsynced: readonly GatewayLink[] = [];

  get size(): number {
    return this.#links.size;
  }

  /** The links that may have members of a name. */
  find(name: string): readonly GatewayLink[] {
    const known = this.#links.get(name) ?? noLinks;
    if (this.unsynced.length === 0) return known;
    return [...this.unsynced, ...known.filter((link) => !this.unsynced.includes(link))];
  }

  has(name: string, link: GatewayLink): boolean {
    return this.#links.get(name)?.includes(link) === true;
  }

  add(name: string, link: GatewayLink, onlyThisLink: readonly GatewayLink[]): void {
    const links = this.#links.get(name);
    if (links === undefined) this.#links.set(name, onlyThisLink);
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

const noLinks: readonly GatewayLink[] = [];

/**
 * Which gateways have members of which uids and groups, so that a send goes only to these gateways.
 *
 * Gateways report every change. These updates are asynchronous, but a process counts its own joins immediately
 * (read-your-writes): from the call of `joinGroup` until the gateway has applied it, the gateway counts as having the
 * name. So a caller that joins a client to a group and then sends to the group reaches the client.
 */
export class InterestIndex {
  readonly #linksByName: readonly [uids: LinksByName, groups: LinksByName] = [
    new LinksByName(),
    new LinksByName(),
  ];
  readonly #followed = new Map<GatewayLink, FollowedGateway>();

  /** Number of uids and groups that are known to have members. */
  get size(): number {
    return this.#linksByName[InterestKind.Uid].size + this.#linksByName[InterestKind.Group].size;
  }

  /** Returns whether all of these links are followed, which is required for `find`. */
  covers(links: readonly GatewayLink[]): boolean {
    return this.#followed.size === links.length;
  }

  /** The links of the gateways that may have members of a name. Requires that all links are covered. */
  find(kind: InterestKind, name: string): readonly GatewayLink[] {
    return this.#linksByName[kind].find(name);
  }

  /** Subscribes to the names of a gateway. Until it has reported all of them, every send goes to it. */
  follow(link: GatewayLink): void {
    if (this.#followed.has(link)) return;
    this.#followed.set(link, { onlyThisLink: [link], sentJoins: [new Map(), new Map()] });
    for (const names of this.#linksByName) names.unsynced = [...names.unsynced, link];
    writeInterestSubscribe(link.connection.writer());
  }

  /** Removes a link that has ended. */
  unfollow(link: GatewayLink): void {
    if (!this.#followed.delete(link)) return;
    for (const names of this.#linksByName) {
      names.unsynced = without(names.unsynced, link);
      names.removeAll(link);
    }
  }

  /** Records a JoinGroup or a BindUid that was queued for the link. Every one of them must be recorded. */
  recordJoin(link: GatewayLink, kind: InterestKind, name: string): void {
    link.sentJoins += 1;
    const gateway = this.#followed.get(link);
    if (gateway === undefined) return;
    const names = this.#linksByName[kind];
    const joins = gateway.sentJoins[kind];
    const isReported = joins.get(name)?.isReported ?? names.has(name, link);
    // Deleted first, so that the name moves to the end of the map.
    joins.delete(name);
    joins.set(name, { position: link.sentJoins, isReported });
    names.add(name, link, gateway.onlyThisLink);
  }

  /** Handles a frame by which a gateway reports its names. */
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
        this.#setSynced(link, gateway, kind, isKnown);
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
    if (join !== undefined) join.isReported = true;
    this.#linksByName[kind].add(name, link, gateway.onlyThisLink);
  }

  #remove(link: GatewayLink, gateway: FollowedGateway, kind: InterestKind, name: string): void {
    const join = gateway.sentJoins[kind].get(name);
    // The name was removed before the gateway applied the join; the result of the join is reported later.
    if (join !== undefined) join.isReported = false;
    else this.#linksByName[kind].remove(name, link);
  }

  #setSynced(
    link: GatewayLink,
    gateway: FollowedGateway,
    kind: InterestKind,
    isKnown: boolean,
  ): void {
    const names = this.#linksByName[kind];
    names.unsynced = without(names.unsynced, link);
    if (isKnown) return;
    names.unsynced = [...names.unsynced, link];
    names.removeAll(link);
    for (const [name, join] of gateway.sentJoins[kind]) {
      join.isReported = false;
      names.add(name, link, gateway.onlyThisLink);
    }
  }

  /** Drops the joins that the gateway has applied: for their names its reports count from now on. */
  #dropJoins(link: GatewayLink, gateway: FollowedGateway, applied: number): void {
    for (const kind of [InterestKind.Uid, InterestKind.Group]) {
      const joins = gateway.sentJoins[kind];
      for (const [name, { position, isReported }] of joins) {
        if (position > applied) break;
        joins.delete(name);
        if (!isReported) this.#linksByName[kind].remove(name, link);
      }
    }
  }
}

function without(links: readonly GatewayLink[], link: GatewayLink): readonly GatewayLink[] {
  return links.filter((other) => other !== link);
}
