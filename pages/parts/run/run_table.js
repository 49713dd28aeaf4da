// One page of the table of runs. Rows are kept by id and changed in place; all text goes in as text.

const SVG = "http://www.w3.org/2000/svg";

function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function drawCurve(row, { bottom, top }) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "curve");
  svg.setAttribute("viewBox", "0 0 100 24");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const last = Math.max(row.curve.length - 1, 1);
  const scale = (value) => 22 - (20 * (value - bottom)) / (top - bottom || 1);
  const points = row.curve.map((y, i) => (y === null ? null : [(100 * i) / last, scale(y)])).filter(Boolean);
  if (points.length === 1) points.push([points[0][0] + 4, points[0][1]]);
  const line = document.createElementNS(SVG, "polyline");
  line.setAttribute("points", points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" "));
  line.style.stroke = row.colour;
  svg.append(line);
  return svg;
}

function makeLink(text, href, open) {
  const link = make("a", "", text);
  link.href = href;
  link.title = text;
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // A tab of its own.
    event.preventDefault();
    open();
  });
  return link;
}

const FILL = {
  name(cell, row, table) {
    const dot = make("span", "dot");
    dot.style.background = row.colour;
    const href = row.href ?? `run?id=${encodeURIComponent(row.id)}`;
    cell.style.paddingLeft = row.depth ? `${0.6 + 1.1 * Math.min(row.depth, 8)}rem` : "";
    const fork = row.branch ? [make("span", "fork", "↳")] : [];
    if (row.branch) fork[0].title = `Branch of ${row.branch}`;
    const ill = row.doctor ? [make("span", row.given_up ? "ill given-up" : "ill", "✚")] : [];
    for (const mark of ill) {
      mark.title = row.doctor;
      mark.setAttribute("role", "img");
      mark.setAttribute("aria-label", row.doctor);
    }
    const link = makeLink(row.name, href, () => table.send("open", row.id));
    cell.append(...fork, ...(row.colour ? [dot] : []), ...ill, link);
  },
  link(cell, row, table, column) {
    const text = row.cells[column.name];
    const href = row.links[column.name];
    cell.append(href ? makeLink(text, href, () => table.send("follow", { id: row.id, column: column.name })) : text);
  },
  state(cell, row) {
    const moving = ["Running", "Stopping"].includes(row.state.label);
    const badge = make("span", moving ? "state moving" : "state", row.state.label);
    badge.style.setProperty("--tone-text", `var(--st-${row.state.colour}-text-color)`);
    badge.style.setProperty("--tone-ground", `var(--st-${row.state.colour}-background-color)`);
    badge.title = row.state.help;
    cell.append(badge);
  },
  curve(cell, row, table) {
    if (row.curve.length) cell.append(drawCurve(row, table.data));
  },
  epochs(cell, row) {
    const bar = make("i");
    const done = make("b");
    done.style.width = `${Math.min(100, 100 * row.done)}%`;
    bar.append(done);
    const box = make("span", "epochs");
    box.append(bar, make("span", "", row.cells.epoch));
    cell.append(box);
  },
  tags(cell, row) {
    cell.append(...row.tags.map((tag) => make("span", "tag", tag)));
  },
};

function fillRow(tr, row, table) {
  const pick = make("td", "pick");
  const label = make("label");
  const box = make("input");
  box.type = "checkbox";
  box.setAttribute("aria-label", `Select ${row.name}`);
  box.addEventListener("click", (event) => table.pick(row.id, box.checked, event.shiftKey));
  label.append(box);
  pick.append(label);
  const cells = table.data.columns.map((column) => {
    const cell = make("td", `kind-${column.kind}${column.kind === "number" ? " right" : ""}`);
    if (FILL[column.kind]) FILL[column.kind](cell, row, table, column);
    else cell.textContent = row.cells[column.name];
    if (column.name === "created") cell.title = row.created;
    return cell;
  });
  tr.replaceChildren(pick, ...cells);
  tr.dataset.id = row.id;
  tr.classList.toggle("archived", row.archived);
}

class RunTable {
  constructor(root) {
    this.node = root.querySelector("table");
    this.node.replaceChildren(); // Streamlit may have taken an earlier one down, and left what it drew.
    this.head = this.node.createTHead();
    this.body = this.node.createTBody();
    this.body.addEventListener("keydown", (event) => this.step(event));
    this.rows = new Map(); // id -> {tr, text}
    this.chosen = new Set();
    this.version = 0;
  }

  update(data, send) {
    this.data = data;
    this.send = send;
    if (data.version >= this.version) {
      this.chosen = new Set(data.selected);
      this.version = data.version;
    }
    this.drawHead();
    const kept = new Map();
    data.rows.forEach((row, place) => {
      const text = JSON.stringify([row, data.bottom, data.top]);
      const entry = this.rows.get(row.id) ?? { tr: make("tr") };
      if (entry.text !== text) fillRow(entry.tr, row, this);
      kept.set(row.id, { tr: entry.tr, text });
      if (this.body.rows[place] !== entry.tr) this.body.insertBefore(entry.tr, this.body.rows[place] ?? null);
    });
    while (this.body.rows.length > data.rows.length) this.body.rows[data.rows.length].remove();
    this.rows = kept;
    this.markChosen();
  }

  drawHead() {
    const text = JSON.stringify([this.data.columns, this.data.order]);
    if (this.headText === text) return;
    this.headText = text;
    const focused = this.head.contains(document.activeElement) ? document.activeElement.dataset.name : undefined;
    const row = make("tr");
    const pick = make("th", "pick");
    const label = make("label");
    this.all = make("input");
    this.all.type = "checkbox";
    this.all.setAttribute("aria-label", "Select all runs of this page");
    this.all.addEventListener("click", () => this.pickAll(this.all.checked));
    label.append(this.all);
    pick.append(label);
    row.append(pick, ...this.data.columns.map((column) => this.makeHeading(column)));
    this.head.replaceChildren(row);
    if (focused) this.head.querySelector(`button[data-name="${focused}"]`)?.focus();
  }

  makeHeading(column) {
    const cell = make("th", `kind-${column.kind}${column.kind === "number" ? " right" : ""}`);
    cell.scope = "col";
    cell.title = column.help;
    if (!column.sorts) {
      cell.append(make("span", "plain", column.label));
      return cell;
    }
    const falling = this.data.order === `-${column.name}`;
    const rising = this.data.order === column.name;
    if (falling || rising) cell.setAttribute("aria-sort", falling ? "descending" : "ascending");
    const button = make("button", "", column.label);
    button.type = "button";
    button.dataset.name = column.name;
    // Text rises first, numbers fall first: the best on top.
    const first = ["name", "text", "state", "tags"].includes(column.kind) ? column.name : `-${column.name}`;
    const second = first === column.name ? `-${column.name}` : column.name;
    button.addEventListener("click", () => this.send("sort", this.data.order === first ? second : first));
    cell.append(button);
    return cell;
  }

  pick(id, on, range) {
    const ids = this.data.rows.map((row) => row.id);
    const [from, to] = [ids.indexOf(range && this.last ? this.last : id), ids.indexOf(id)].sort((a, b) => a - b);
    for (const each of ids.slice(Math.max(from, 0), to + 1)) on ? this.chosen.add(each) : this.chosen.delete(each);
    this.last = id;
    this.tell();
  }

  pickAll(on) {
    for (const row of this.data.rows) on ? this.chosen.add(row.id) : this.chosen.delete(row.id);
    this.tell();
  }

  // From a row's box or link to that of the next one: by Tab there are two stops a row.
  step(event) {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const from = event.target.closest("tr");
    if (!by || !from || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const to = this.body.rows[from.sectionRowIndex + by];
    const kind = event.target.matches("input") ? "input" : "a";
    to?.querySelector(kind)?.focus();
  }

  tell() {
    this.version += 1;
    this.markChosen();
    this.send("select", { ids: [...this.chosen], version: this.version });
  }

  markChosen() {
    for (const [id, { tr }] of this.rows) {
      const on = this.chosen.has(id);
      tr.classList.toggle("selected", on);
      tr.querySelector("input").checked = on;
    }
    const count = this.data.rows.filter((row) => this.chosen.has(row.id)).length;
    this.all.checked = count > 0 && count === this.data.rows.length;
    this.all.indeterminate = count > 0 && count < this.data.rows.length;
  }
}

const tables = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".lab-runs");
  if (!root) return undefined;
  if (!tables.has(root)) tables.set(root, new RunTable(root));
  root.classList.toggle("low", data.low);
  root.classList.toggle("unpicked", !data.picks);
  root.setAttribute("aria-label", data.label);
  tables.get(root).update(data, setTriggerValue);
  return () => tables.delete(root);
}
