// The arrow keys raise and lower the last digit of the number in a box, as they do in the browser's own number boxes.
const BOXES = ["build-field", "studies-field", "budget", "build-seeds", "slots-", "limits-", "examine-image", "notify-"]
  .map((key) => `[class*="st-key-${key}"] input[type="text"]`)
  .join(", ");
const ODD = '[class*="filter_size"], [class*="skip_kernel"], [class*="stem_filter"]';
const ZEROS = ["all", "no limit"];
const COMMIT_MS = 300;

function change(text, up, isOdd) {
  const found = /^([+-]?\d*)(?:\.(\d+))?(e[+-]?\d+)?$/i.exec(text.trim());
  if (!found || !/\d/.test(text)) return undefined;
  const [, whole, fraction = "", exponent = ""] = found;
  const move = (digits) => {
    const unit = 10 ** -digits * (isOdd && !digits ? 2 : 1);
    return (Number(`${whole}.${fraction || 0}`) + (up ? unit : -unit)).toFixed(digits);
  };
  const next = move(fraction.length);
  // One more digit, rather than none of what is left: 0.001 falls to 0.0009.
  return (fraction && Number(next) === 0 ? move(fraction.length + 1) : next) + exponent;
}

let waiting;

function press(event) {
  const box = event.target;
  if (!["ArrowUp", "ArrowDown"].includes(event.key) || event.altKey || event.ctrlKey || event.metaKey) return;
  if (!(box instanceof HTMLInputElement) || !box.matches(BOXES)) return;
  // An empty box that says what 0 means there is a 0.
  const next = change(box.value || (ZEROS.includes(box.placeholder) ? "0" : ""), event.key === "ArrowUp", box.closest(ODD) !== null);
  if (next === undefined) return;
  event.preventDefault();
  // React notices a value that is set by the element's own setter only.
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(box, next);
  box.dispatchEvent(new Event("input", { bubbles: true }));
  clearTimeout(waiting);
  waiting = setTimeout(
    () => box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true })),
    COMMIT_MS,
  );
}

// A phone shows its keys for numbers where these are all that is needed: no list, no exponent, no sign.
const WHOLE = ["budget", "slots-", "examine-image"].map((key) => `[class*="st-key-${key}"] input[type="text"]`).join(", ");
function focus({ target }) {
  if (target.matches(WHOLE)) target.inputMode = "numeric";
}

export default function () {
  document.addEventListener("keydown", press);
  document.addEventListener("focusin", focus);
  return () => {
    document.removeEventListener("keydown", press);
    document.removeEventListener("focusin", focus);
  };
}
