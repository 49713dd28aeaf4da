// Images with two lines of text each; a click opens one. All text goes in as text.

function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function draw(root, items, hint, send) {
  root.replaceChildren(
    ...items.map((item) => {
      const button = make("button");
      button.type = "button";
      button.title = `${item.title}; ${item.line}. ${hint}`;
      if (item.chosen) button.className = "chosen";
      const image = make("img");
      image.src = item.source;
      image.alt = `Image ${item.index}`;
      image.loading = "lazy";
      button.append(image, make("span", item.wrong ? "wrong" : "", item.title), make("span", "", item.line));
      button.addEventListener("click", () => send("open", item.index));
      return button;
    }),
  );
}

const shown = new WeakMap();

// Draws what is not drawn already: an image that stays the same would flicker.
function show(root, items, hint, send) {
  const text = JSON.stringify(items);
  if (shown.get(root) === text) return;
  shown.set(root, text);
  draw(root, items, hint, send);
}

// The next page is here already: it shows at the click, before the server has heard of it.
function showAtTurn(root, { ahead, pager, hint }, send) {
  const turn = (event) => {
    const next = event.target.closest?.(`.st-key-${pager} [data-testid="stPaginationNext"]`);
    if (next && !next.disabled) show(root, ahead, hint, send);
  };
  document.addEventListener("click", turn, true);
  return () => document.removeEventListener("click", turn, true);
}

const stops = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".lab-gallery");
  if (!root) return;
  stops.get(root)?.();
  stops.delete(root);
  show(root, data.items, data.hint, setTriggerValue);
  if (data.ahead.length) stops.set(root, showAtTurn(root, data, setTriggerValue));
  return () => stops.get(root)?.();
}
