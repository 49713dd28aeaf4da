// The figures of a comparison, one row a run or group. All text goes in as text.

function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function makeButton(className, text, title, act) {
  const button = make("button", className, text);
  button.type = "button";
  button.title = title;
  button.setAttribute("aria-label", title);
  button.addEventListener("click", act);
  return button;
}

function makeHeading(column, data, send) {
  const cell = make("th", column.key === "name" ? "name" : "");
  cell.scope = "col";
  cell.title = column.help;
  const falling = data.order === `-${column.key}`;
  const rising = data.order === column.key;
  if (falling || rising) cell.setAttribute("aria-sort", falling ? "descending" : "ascending");
  // The better side first; a third click goes back to the order of the address.
  const first = column.rises ? column.key : `-${column.key}`;
  const second = column.rises ? `-${column.key}` : column.key;
  const next = data.order === first ? second : data.order === second ? "" : first;
  cell.append(makeButton("sort", column.label, column.help, () => send("sort", { order: next })));
  return cell;
}

// The run's colour; a click asks for another one, where it has one of its own.
function makeDot(row, send) {
  const dot = make(row.ink ? "label" : "span", "dot");
  dot.style.background = row.colour;
  if (!row.ink) return dot;
  const input = make("input");
  input.type = "color";
  input.value = row.ink;
  dot.title = `Choose the colour of ${row.name}. Its page gives it back its own.`;
  input.setAttribute("aria-label", `Colour of ${row.name}`);
  input.addEventListener("change", () => {
    input.blur();
    send("colour", { id: row.id, colour: input.value });
  });
  dot.append(input);
  return dot;
}

function makeName(row, send) {
  const cell = make("td", "name");
  const dot = makeDot(row, send);
  const name = make(row.href ? "a" : "span", "label", row.name);
  if (row.href) {
    name.href = row.href;
    name.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return; // A tab of its own.
      event.preventDefault();
      send("open", row.id);
    });
  }
  name.title = row.title;
  const about = make("span", "about", row.about);
  const tools = make("span", "tools");
  if (row.baseline) tools.append(make("span", "baseline", "baseline"));
  else if (!row.fixed)
    tools.append(makeButton("", "Baseline", `Make ${row.name} the baseline`, () => send("first", row.id)));
  if (!row.fixed) tools.append(makeButton("drop", "×", `Leave ${row.name} out`, () => send("drop", row.id)));
  const box = make("div");
  box.append(dot, name, about, tools);
  cell.append(box);
  return cell;
}

function makeCell(cell) {
  const td = make("td");
  td.append(make("span", "value", cell.text));
  if (cell.spread) td.append(make("span", "spread", cell.spread));
  const line = make("div", `difference ${cell.tone}`, cell.difference || "\u00a0");
  td.append(line);
  if (cell.best) td.classList.add("best");
  return td;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const table = parentElement.querySelector(".lab-compare table");
  if (!table) return;
  const text = JSON.stringify(data);
  if (table.dataset.text === text) return;
  const held = document.activeElement;
  // A new table would close the colours that a person looks at: it comes once they are done.
  if (held?.type === "color" && table.contains(held)) {
    held.onblur = () => show(table, data, text, setTriggerValue);
    return;
  }
  show(table, data, text, setTriggerValue);
}

function show(table, data, text, setTriggerValue) {
  table.dataset.text = text;
  const held = document.activeElement;
  const focus = table.contains(held) ? held.getAttribute("aria-label") : undefined;
  const head = make("tr");
  head.append(...data.columns.map((column) => makeHeading(column, data, setTriggerValue)));
  const rows = data.rows.map((row) => {
    const tr = make("tr", row.baseline ? "first" : "");
    tr.append(makeName(row, setTriggerValue), ...row.cells.map(makeCell));
    return tr;
  });
  const top = make("thead");
  top.append(head);
  const body = make("tbody");
  body.append(...rows);
  table.replaceChildren(top, body);
  if (focus) table.querySelector(`[aria-label="${CSS.escape(focus)}"]`)?.focus();
}
