import type { Conversation } from '../../shared/model.ts';
import { friendOf, otherOf } from '../store/select.ts';
import { toLastSeen } from '../text/times.ts';
import { Avatar } from './avatar.tsx';
import { useMessenger, useMessengerState } from './messenger-context.ts';
import { ProblemLine } from './problem-line.tsx';
import { useTask } from './use-task.ts';

/** The other user of a direct conversation, with actions. */
export function PersonDetails({
  conversation,
}: {
  readonly conversation: Conversation;
}): React.JSX.Element | null {
  const messenger = useMessenger();
  const state = useMessengerState();
  const task = useTask(async (method: string, path: string, body?: object) => {
    await messenger.api.request(method, path, body);
    messenger.refreshRelations();
    messenger.refreshConversations();
  });
  const user = otherOf(state, conversation);
  if (user === undefined) return null;
  const run = (method: string, path: string, body?: object) => {
    task.run(method, path, body).catch(() => undefined);
  };
  const friend = friendOf(state, user.id);
  const isBlocked = state.relations?.blocked.some(({ id }) => id === user.id) === true;
  const isAsked = state.relations?.sent.some((request) => request.user.id === user.id) === true;
  return (
    <div className="details">
      <div className="details-top">
        <Avatar id={user.id} name={user.nickname} picture={user.avatar} size="large" />
        <p className="details-name">
          <bdi>{user.nickname}</bdi>
        </p>
        <p className="soft">
          @{user.name}
          {friend !== undefined &&
            ` · ${friend.online ? 'online' : toLastSeen(friend.lastSeenAt, Date.now())}`}
        </p>
      </div>
      <ProblemLine problem={task.problem} />
      <div className="details-actions">
        {friend === undefined && !isBlocked && (
          <button
            type="button"
            className="primary"
            disabled={isAsked || task.isRunning}
            onClick={() => run('POST', '/api/friend-requests', { userId: user.id })}
          >
            {isAsked ? 'Asked to be friends' : 'Ask to be friends'}
          </button>
        )}
        {friend !== undefined && (
          <button
            type="button"
            className="secondary"
            disabled={task.isRunning}
            onClick={() => run('DELETE', `/api/friends/${user.id}`)}
          >
            End the friendship
          </button>
        )}
        <button
          type="button"
          className={isBlocked ? 'primary' : 'danger'}
          disabled={task.isRunning}
          onClick={() => run(isBlocked ? 'DELETE' : 'PUT', `/api/blocks/${user.id}`)}
        >
          {isBlocked ? 'Unblock' : 'Block'}
        </button>
      </div>
    </div>
  );
}
