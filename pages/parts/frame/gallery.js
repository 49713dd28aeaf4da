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

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".lab-gallery");
  if (!root) return;
  const text = JSON.stringify(data.items);
  if (shown.get(root) === text) return;
  shown.set(root, text);
  draw(root, data.items, data.hint, setTriggerValue);
}
