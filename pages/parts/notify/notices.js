// Shows what the lab tells as notifications of the browser: each once, whichever page of the lab shows it first.

const SWITCH = "resnet-lab.notify";
const SHOWN = "resnet-lab.notify.shown";
const MAX_KEPT = 200;

function readShown() {
  try {
    const kept = JSON.parse(localStorage.getItem(SHOWN) ?? "[]");
    return Array.isArray(kept) ? kept : [];
  } catch {
    return [];
  }
}

function show(notice) {
  // The tag keeps two pages that come at the same moment from showing two.
  const shown = new Notification(notice.title, { body: notice.body, tag: notice.id });
  shown.onclick = () => {
    window.focus();
    if (notice.path) window.location.href = notice.path;
    shown.close();
  };
}

export default function ({ data }) {
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  if (localStorage.getItem(SWITCH) !== "on") return;
  const known = readShown();
  const fresh = data.notices.filter((notice) => !known.includes(notice.id));
  if (!fresh.length) return;
  localStorage.setItem(SHOWN, JSON.stringify([...known, ...fresh.map((notice) => notice.id)].slice(-MAX_KEPT)));
  fresh.forEach(show);
}
