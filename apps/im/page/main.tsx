import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './components/app.tsx';
import './style/base.css';
import './style/controls.css';
import './style/welcome.css';
import './style/sidebar.css';
import './style/conversation.css';
import './style/message.css';
import './style/composer.css';
import './style/dialog.css';
import { applyTheme, readTheme } from './theme.ts';

applyTheme(readTheme());
const root = document.querySelector('#root');
if (root === null) throw new Error('no element with the id root');
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
