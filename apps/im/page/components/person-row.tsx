import type { User } from '../../shared/model.ts';
import { Avatar } from './avatar.tsx';

interface PersonRowProps {
  readonly user: User;
  /** What stands below the name. */
  readonly line: string;
  readonly online?: boolean | undefined;
  /** Opens the conversation with them; undefined where there is none. */
  readonly onOpen?: (() => void) | undefined;
  /** What can be done about them. */
  readonly children?: React.ReactNode;
}

/** Somebody in a list. */
export function PersonRow({
  user,
  line,
  online,
  onOpen,
  children,
}: PersonRowProps): React.JSX.Element {
  const who = (
    <>
      <Avatar id={user.id} name={user.nickname} picture={user.avatar} online={online} />
      <span className="person-text">
        <bdi className="person-name">{user.nickname}</bdi>
        <span className="person-line">{line}</span>
      </span>
    </>
  );
  return (
    <li className="person" data-user={user.name}>
      {onOpen === undefined ? (
        <span className="person-who">{who}</span>
      ) : (
        <button type="button" className="person-who" onClick={onOpen}>
          {who}
        </button>
      )}
      <span className="person-actions">{children}</span>
    </li>
  );
}
