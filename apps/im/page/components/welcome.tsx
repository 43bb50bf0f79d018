import { useState } from 'react';
import type { LoginBody } from '../../shared/http-api.ts';
import { limits } from '../../shared/limits.ts';
import type { SessionManager } from '../client/session-manager.ts';
import type { Problem } from '../store/outgoing.ts';
import { Field } from './field.tsx';
import { Icon } from './icon.tsx';
import { ProblemLine } from './problem-line.tsx';
import { useTask } from './use-task.ts';

interface WelcomeProps {
  readonly manager: SessionManager;
  /** Why the login has ended. */
  readonly notice: string | null;
  /** True if the page was opened with an invitation. */
  readonly isInvited: boolean;
}

type Mode = 'login' | 'register';

/** Login and registration. */
export function Welcome({ manager, notice, isInvited }: WelcomeProps): React.JSX.Element {
  const [mode, setMode] = useState<Mode>('login');
  const [problemMode, setProblemMode] = useState<Mode>('login');
  const task = useTask(async (form: FormData) => {
    setProblemMode(mode);
    manager.logIn(await (mode === 'login' ? logIn(manager, form) : register(manager, form)));
  });
  const problem = problemMode === mode ? task.problem : null;
  return (
    <main className="welcome">
      <div className="welcome-card">
        <h1>
          <span className="logo" aria-hidden="true">
            <Icon name="chats" />
          </span>
          Messenger
        </h1>
        <p className="soft">{toIntroduction(isInvited)}</p>
        {notice !== null && (
          <p className="welcome-notice" role="status">
            {notice}
          </p>
        )}
        <div className="switch" role="tablist" aria-label="Log in or register">
          <ModeTab mode="login" current={mode} onChoose={setMode} label="Log in" />
          <ModeTab mode="register" current={mode} onChoose={setMode} label="Register" />
        </div>
        <div role="tabpanel" aria-label={mode === 'login' ? 'Log in' : 'Register'}>
          <form
            key={mode}
            onSubmit={(event) => {
              event.preventDefault();
              task.run(new FormData(event.currentTarget)).catch(() => undefined);
            }}
          >
            {mode === 'login' ? (
              <LoginFields problem={problem} />
            ) : (
              <RegisterFields problem={problem} />
            )}
            <ProblemLine problem={isAtField(problem) ? null : problem} />
            <button type="submit" className="primary wide" disabled={task.isRunning}>
              {mode === 'login' ? 'Log in' : 'Create account'}
            </button>
          </form>
        </div>
      </div>
    </main>
  );
}

function ModeTab({
  mode,
  current,
  onChoose,
  label,
}: {
  readonly mode: Mode;
  readonly current: Mode;
  readonly onChoose: (mode: Mode) => void;
  readonly label: string;
}): React.JSX.Element {
  return (
    <button
      type="button"
      role="tab"
      aria-selected={mode === current}
      onClick={() => onChoose(mode)}
    >
      {label}
    </button>
  );
}

function LoginFields({ problem }: { readonly problem: Problem | null }): React.JSX.Element {
  const isWrong = problem?.code === 'wrong_credentials';
  return (
    <>
      <Field
        label="Name or phone"
        name="login"
        autoComplete="username"
        required
        isWrong={isWrong}
      />
      <Field
        label="Password"
        name="password"
        type="password"
        autoComplete="current-password"
        required
        isWrong={isWrong}
      />
    </>
  );
}

function RegisterFields({ problem }: { readonly problem: Problem | null }): React.JSX.Element {
  return (
    <>
      <Field
        label="Name"
        name="name"
        hint={`${limits.nameMin} to ${limits.name} letters, digits, . _ -`}
        autoComplete="username"
        autoCapitalize="none"
        required
        minLength={limits.nameMin}
        maxLength={limits.name}
        problem={problem?.code === 'name_taken' ? problem : null}
      />
      <Field
        label="Nickname"
        name="nickname"
        hint="Shown to others; optional"
        autoComplete="nickname"
        maxLength={limits.nickname}
      />
      <Field
        label="Phone"
        name="phone"
        type="tel"
        hint="Lets friends find you; not shown to others, optional"
        autoComplete="tel"
        maxLength={40}
        problem={problem?.code === 'phone_taken' ? problem : null}
      />
      <Field
        label="Password"
        name="password"
        type="password"
        hint={`${limits.passwordMin} characters or more`}
        autoComplete="new-password"
        required
        minLength={limits.passwordMin}
        maxLength={limits.password}
      />
    </>
  );
}

async function logIn({ api }: SessionManager, form: FormData): Promise<LoginBody> {
  const [login, password] = [textOf(form, 'login'), textOf(form, 'password')];
  return await api.post<LoginBody>('/api/login', { login, password, cookie: true });
}

async function register({ api }: SessionManager, form: FormData): Promise<LoginBody> {
  const [nickname, phone] = [textOf(form, 'nickname'), textOf(form, 'phone')];
  return await api.post<LoginBody>('/api/register', {
    ...{ name: textOf(form, 'name'), password: textOf(form, 'password'), cookie: true },
    ...(nickname.trim() === '' ? {} : { nickname }),
    ...(phone.trim() === '' ? {} : { phone }),
  });
}

function textOf(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === 'string' ? value : '';
}

function isAtField(problem: Problem | null): boolean {
  return problem?.code === 'name_taken' || problem?.code === 'phone_taken';
}

function toIntroduction(isInvited: boolean): string {
  return isInvited
    ? 'You are invited to a group. Log in or register to join it.'
    : 'Messages to people and groups, on all your devices.';
}
