import { useRef, useState } from 'react';
import { Avatar } from './avatar.tsx';
import { ConversationList } from './conversation-list.tsx';
import { Icon, type IconName } from './icon.tsx';
import { IconButton } from './icon-button.tsx';
import { useMessengerState } from './messenger-context.ts';
import { PeoplePane } from './people-pane.tsx';

interface SidebarProps {
  readonly onSettings: () => void;
  readonly onNewGroup: () => void;
}

type Tab = 'chats' | 'people';

/** The list of conversations, or the people pane. */
export function Sidebar({ onSettings, onNewGroup }: SidebarProps): React.JSX.Element {
  const { me, relations } = useMessengerState();
  const [tab, setTab] = useState<Tab>('chats');
  const [query, setQuery] = useState('');
  const search = useRef<HTMLInputElement>(null);
  const choose = (chosen: Tab) => {
    setTab(chosen);
    setQuery('');
  };
  return (
    <section className="sidebar" aria-label="Conversations and people">
      <h1 className="visually-hidden">Messenger</h1>
      <header className="sidebar-header">
        <button type="button" className="me" onClick={onSettings}>
          <span className="visually-hidden">Your account: </span>
          <Avatar id={me.id} name={me.nickname} picture={me.avatar} />
          <bdi className="me-name">{me.nickname}</bdi>
        </button>
        <IconButton icon="group" label="New group" onClick={onNewGroup} />
        <IconButton icon="settings" label="Settings" onClick={onSettings} />
      </header>
      <div className="search">
        <Icon name="search" />
        <input
          id="search"
          ref={search}
          type="search"
          value={query}
          onChange={(event) => setQuery(event.target.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Escape' || query === '') return;
            event.preventDefault();
            setQuery('');
          }}
          placeholder={tab === 'chats' ? 'Search conversations' : 'Find people by name or phone'}
          aria-label={tab === 'chats' ? 'Search conversations' : 'Find people'}
          autoComplete="off"
          maxLength={64}
        />
      </div>
      <div className="switch" role="tablist" aria-label="What to show">
        <TabButton
          tab="chats"
          current={tab}
          onChoose={choose}
          icon="chats"
          label="Chats"
          count={0}
        />
        <TabButton
          tab="people"
          current={tab}
          onChoose={choose}
          icon="people"
          label="People"
          count={relations?.received.length ?? 0}
        />
      </div>
      <div
        className="sidebar-body"
        role="tabpanel"
        aria-label={tab === 'chats' ? 'Chats' : 'People'}
      >
        {tab === 'chats' ? (
          <ConversationList
            query={query}
            onFindPeople={() => {
              choose('people');
              search.current?.focus();
            }}
          />
        ) : (
          <PeoplePane query={query} />
        )}
      </div>
    </section>
  );
}

function TabButton({
  tab,
  current,
  onChoose,
  icon,
  label,
  count,
}: {
  readonly tab: Tab;
  readonly current: Tab;
  readonly onChoose: (tab: Tab) => void;
  readonly icon: IconName;
  readonly label: string;
  readonly count: number;
}): React.JSX.Element {
  return (
    <button type="button" role="tab" aria-selected={tab === current} onClick={() => onChoose(tab)}>
      <Icon name={icon} />
      {label}
      {count > 0 && (
        <span className="badge" role="img" aria-label={`${count} requests`}>
          {count}
        </span>
      )}
    </button>
  );
}
