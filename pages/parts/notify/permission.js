// Asks the browser whether the lab may show notifications: only after a click, and only as long as it has not answered.

const SWITCH = "resnet-lab.notify";

const STATES = {
  missing: ["shows no notifications here: that takes https, or the lab on this machine.", ""],
  denied: ["blocks notifications of this site: its settings can allow them.", ""],
  default: ["is asked once; then it shows what is told while a page of the lab is open.", "Ask this browser"],
  off: ["shows no notifications.", "Turn on"],
  on: ["shows what is told while a page of the lab is open.", "Turn off"],
};

function stateOf() {
  if (!("Notification" in window) || !window.isSecureContext) return "missing";
  if (Notification.permission !== "granted") return Notification.permission;
  return localStorage.getItem(SWITCH) === "on" ? "on" : "off";
}

export default function ({ parentElement }) {
  const said = parentElement.querySelector("span");
  const button = parentElement.querySelector("button");
  if (!said || !button) return;

  const draw = () => {
    const [sentence, label] = STATES[stateOf()];
    said.textContent = sentence;
    button.textContent = label;
    button.hidden = !label;
  };
  button.onclick = async () => {
    const turnsOn = stateOf() !== "on";
    if (Notification.permission === "default") await Notification.requestPermission();
    localStorage.setItem(SWITCH, turnsOn ? "on" : "off");
    draw();
  };
  draw();
}
