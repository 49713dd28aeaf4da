// Renews its part of the page as soon as the server says that something there has changed.
const UNKNOWN = 4404;
const AGAIN_MS = 5000;

function listen(listener) {
  const socket = new WebSocket(new URL(listener.address, window.location.href.replace(/^http/, "ws")));
  listener.socket = socket;
  socket.onmessage = () => {
    listener.changed = true;
    tell(listener);
  };
  socket.onclose = ({ code }) => {
    if (!listener.gone && code !== UNKNOWN) listener.timer = setTimeout(() => listen(listener), AGAIN_MS);
  };
}

// What nobody looks at is renewed when somebody does.
function tell(listener) {
  if (!listener.changed || listener.gone || document.hidden) return;
  listener.changed = false;
  listener.send("changed", Date.now());
}

function leave(listener) {
  listener.gone = true;
  clearTimeout(listener.timer);
  listener.socket.close();
  document.removeEventListener("visibilitychange", listener.look);
}

const listeners = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  const known = listeners.get(parentElement);
  if (known) known.send = setTriggerValue;
  if (known?.address === data.address) return known.leave;
  if (known) leave(known);
  const listener = { address: data.address, send: setTriggerValue };
  listener.look = () => tell(listener);
  listener.leave = () => {
    leave(listener);
    listeners.delete(parentElement);
  };
  listeners.set(parentElement, listener);
  document.addEventListener("visibilitychange", listener.look);
  listen(listener);
  return listener.leave;
}
