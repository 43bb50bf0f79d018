import type { User } from '../../shared/model.ts';
import { Avatar } from './avatar.tsx';

interface PersonRowProps {
  readonly user: User;
  /** What stands below the name. */
  readonly line: string;
  readonly online?: boolean | undefined;
  /** What can be done about them. */
  readonly children?: React.ReactNode;
}

/** Somebody in a list. */
export function PersonRow({ user, line, online, children }: PersonRowProps): React.JSX.Element {
  return (
    <li className="person" data-user={user.name}>
      <Avatar id={user.id} name={user.nickname} picture={user.avatar} online={online} />
      <span className="person-text">
        <bdi className="person-name">{user.nickname}</bdi>
        <span className="person-line">{line}</span>
      </span>
      <span className="person-actions">{children}</span>
    </li>
  );
}
