/** No reconnect: the page broke a rule and would break it again, or the application refuses it (4000 to 4999). */
const isFinal = (code) => [1002, 1007, 1008, 1009].includes(code) || code >= 4000;

function pauseMs({ code, reason }, attempt) {
  // A gateway that is taken out of service tells its clients the delay.
  const [, least, most] = /^retry in (\d+)-(\d+) s$/.exec(reason) ?? [];
  if (code === 1012 && most) return 1000 * (+least + Math.random() * (most - least));
  // Full jitter: clients that were disconnected at the same time reconnect at different times.
  return Math.random() * Math.min(30_000, 500 * 2 ** attempt);
}

function connect(url, { onState, onMessage }) {
  let attempt = 0;
  let socket;
  const open = () => {
    let openedAt = Date.now();
    socket = new WebSocket(url);
    socket.onopen = () => {
      openedAt = Date.now();
      onState('open');
    };
    socket.onmessage = ({ data }) => onMessage(data);
    // Also called if the connection could not be opened, with code 1006.
    socket.onclose = (end) => {
      if (isFinal(end.code)) return onState(`closed: ${end.code} ${end.reason}`);
      // The connection was stable: start again with a short delay.
      if (Date.now() - openedAt > 5000) attempt = 0;
      const waitMs = pauseMs(end, attempt++);
      onState(`reconnecting in ${Math.ceil(waitMs)} ms`);
      setTimeout(open, waitMs);
    };
  };
  open();
  return (text) => socket.send(text);
}

const port = await (await fetch('/port')).text();
const status = document.querySelector('[role=status]');
const send = connect(`ws://${location.hostname}:${port}`, {
  onState: (text) => (status.textContent = text),
  onMessage: (text) => document.body.append(`${text} `),
});
for (const button of document.querySelectorAll('button'))
  button.onclick = () => send(button.textContent);
