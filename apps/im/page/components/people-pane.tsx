import { useEffect, useState } from 'react';
import type { FoundUsersBody, FriendRequestBody } from '../../shared/http-api.ts';
import type { FoundUser, Friend, Relation, Relations, User } from '../../shared/model.ts';
import { toProblem } from '../client/api.ts';
import type { Problem } from '../store/outgoing.ts';
import { toLastSeen } from '../text/times.ts';
import { useMessengerContext, useMessengerState } from './messenger-context.ts';
import { PersonRow } from './person-row.tsx';
import { ProblemLine } from './problem-line.tsx';

/** Friends, friend requests, blocked users, and search results. */
export function PeoplePane({ query }: { readonly query: string }): React.JSX.Element {
  const { relations } = useMessengerState();
  const isSearching = query.trim().length > 0;
  if (isSearching) return <FoundPeople query={query.trim()} />;
  if (relations === null) return <p className="empty">Loading…</p>;
  const { friends, received, sent, blocked } = relations;
  const isEmpty = [friends, received, sent, blocked].every((list) => list.length === 0);
  if (isEmpty) {
    return (
      <div className="empty">
        <p>No friends yet.</p>
        <p className="soft">Search for a name or a phone number above, and send a request.</p>
      </div>
    );
  }
  return (
    <>
      <People title="Requests" users={received.map(({ user }) => user)} relation="asking" />
      <People title="Sent requests" users={sent.map(({ user }) => user)} relation="requested" />
      <Friends friends={friends} />
      <People title="Blocked" users={blocked} relation="blocked" />
    </>
  );
}

function People({
  title,
  users,
  relation,
}: {
  readonly title: string;
  readonly users: readonly User[];
  readonly relation: Relation;
}): React.JSX.Element | null {
  if (users.length === 0) return null;
  return (
    <section className="people" aria-label={title}>
      <h2>{title}</h2>
      <ul>
        {users.map((user) => (
          <PersonRow key={user.id} user={user} line={`@${user.name}`}>
            <RelationButtons user={user} relation={relation} />
          </PersonRow>
        ))}
      </ul>
    </section>
  );
}

function Friends({ friends }: { readonly friends: readonly Friend[] }): React.JSX.Element | null {
  const { open } = useMessengerContext();
  if (friends.length === 0) return null;
  const now = Date.now();
  const sorted = [...friends].sort(
    (one, other) =>
      Number(other.online) - Number(one.online) || one.nickname.localeCompare(other.nickname),
  );
  return (
    <section className="people" aria-label="Friends">
      <h2>Friends</h2>
      <ul>
        {sorted.map((friend) => (
          <PersonRow
            key={friend.id}
            user={friend}
            online={friend.online}
            line={friend.online ? 'online' : toLastSeen(friend.lastSeenAt, now)}
            onOpen={() => open(friend.conversationId)}
          >
            <button
              type="button"
              className="secondary"
              onClick={() => open(friend.conversationId)}
              aria-label={`Write to ${friend.nickname}`}
            >
              Write
            </button>
          </PersonRow>
        ))}
      </ul>
    </section>
  );
}

/** Delay of a search after the last key press, in milliseconds. */
const searchDelayMs = 300;
const searchLength = 2;

function FoundPeople({ query }: { readonly query: string }): React.JSX.Element {
  const { messenger, open } = useMessengerContext();
  const { relations, me } = useMessengerState();
  const [found, setFound] = useState<readonly FoundUser[] | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  useEffect(() => {
    setProblem(null);
    if (query.length < searchLength) return;
    let isCancelled = false;
    const timer = setTimeout(() => {
      const path = `/api/users?query=${encodeURIComponent(query)}`;
      messenger.api.get<FoundUsersBody>(path).then(
        ({ users }) => {
          if (!isCancelled) setFound(users);
        },
        (error: unknown) => {
          if (!isCancelled) setProblem(toProblem(error));
        },
      );
    }, searchDelayMs);
    return () => {
      isCancelled = true;
      clearTimeout(timer);
    };
  }, [messenger, query]);
  if (query.length < searchLength) {
    return <p className="empty">{`Type ${searchLength} characters or more.`}</p>;
  }
  if (problem !== null) return <ProblemLine problem={problem} />;
  if (found === null) return <p className="empty">Searching…</p>;
  if (found.length === 0) return <p className="empty">No user has this name.</p>;
  return (
    <section className="people" aria-label="Found people">
      <h2>Found</h2>
      <ul>
        {found.map((user) => {
          const friend = relations?.friends.find(({ id }) => id === user.id);
          return (
            <PersonRow
              key={user.id}
              user={user}
              line={`@${user.name}`}
              onOpen={friend && (() => open(friend.conversationId))}
            >
              <RelationButtons
                user={user}
                relation={user.id === me.id ? 'self' : toRelation(relations, user)}
              />
            </PersonRow>
          );
        })}
      </ul>
    </section>
  );
}

/** Returns the current relation, which may differ from that of the search result. */
function toRelation(relations: Relations | null, { id, relation }: FoundUser): Relation {
  if (relations === null) return relation;
  if (relations.friends.some((friend) => friend.id === id)) return 'friend';
  if (relations.received.some(({ user }) => user.id === id)) return 'asking';
  if (relations.sent.some(({ user }) => user.id === id)) return 'requested';
  return relations.blocked.some((user) => user.id === id) ? 'blocked' : 'none';
}

/** Buttons for a user, and the problem of the last action. */
function RelationButtons({
  user,
  relation,
}: {
  readonly user: User;
  readonly relation: Relation;
}): React.JSX.Element | null {
  const { messenger, open } = useMessengerContext();
  const { relations } = useMessengerState();
  const [problem, setProblem] = useState<Problem | null>(null);
  const run = (method: string, path: string, body?: object) => {
    setProblem(null);
    messenger.api.request<FriendRequestBody>(method, path, body).then(
      () => {
        messenger.refreshRelations();
        messenger.refreshConversations();
      },
      (error: unknown) => setProblem(toProblem(error)),
    );
  };
  const request = `/api/friend-requests/${user.id}`;
  const write = () => {
    const friend = relations?.friends.find(({ id }) => id === user.id);
    if (friend !== undefined) open(friend.conversationId);
  };
  const actions: Readonly<Record<Relation, readonly (readonly [string, () => void])[]>> = {
    self: [],
    none: [['Add', () => run('POST', '/api/friend-requests', { userId: user.id })]],
    friend: [['Write', write]],
    requested: [['Withdraw', () => run('DELETE', request)]],
    asking: [
      ['Accept', () => run('POST', `${request}/accept`, {})],
      ['Decline', () => run('POST', `${request}/decline`, {})],
    ],
    blocked: [['Unblock', () => run('DELETE', `/api/blocks/${user.id}`)]],
  };
  return (
    <>
      {actions[relation].map(([label, act]) => (
        <button
          key={label}
          type="button"
          className={label === 'Accept' || label === 'Add' ? 'primary' : 'secondary'}
          aria-label={`${label} ${user.nickname}`}
          onClick={act}
        >
          {label}
        </button>
      ))}
      {relation === 'self' && <span className="soft">you</span>}
      <ProblemLine problem={problem} />
    </>
  );
}
