// The confusion matrix: rows are true classes, columns predicted ones. A click, or Enter, chooses a cell.

function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

const MANY = 24; // so many classes leave no room for figures
// Per cent of its colour from which a cell's figure can be read in the other one of black and white: in the dark, in both.
const FULL = 69;
const DEEP = 87;

function build(matrix, { classes }) {
  const many = classes.length > MANY;
  matrix.root.classList.toggle("many", many);
  matrix.root.classList.toggle("short", !many && classes.every((name) => name.length <= 3));
  const head = make("tr");
  head.append(make("th", "", "true ↓ predicted →"));
  for (const name of classes) {
    const th = make("th");
    th.scope = "col";
    th.title = name;
    th.append(make("span", "", name));
    head.append(th);
  }
  const thead = make("thead");
  thead.append(head);
  const body = make("tbody");
  matrix.cells = classes.map((name) => {
    const row = make("tr");
    const th = make("th", "", name);
    th.scope = "row";
    th.title = name;
    row.append(th);
    const cells = classes.map(() => make("td"));
    row.append(...cells);
    body.append(row);
    return cells;
  });
  matrix.table.replaceChildren(thead, body);
  matrix.names = JSON.stringify(classes);
}

function fill(matrix, { classes, counts, rates, chosen }) {
  const worst = Math.max(...counts.flatMap((row, t) => row.map((n, p) => (t === p ? 0 : share(row, n)))), 1e-9);
  counts.forEach((row, t) => {
    row.forEach((count, p) => {
      const td = matrix.cells[t][p];
      const part = share(row, count);
      // Mistakes are few: their scale ends at the most frequent one.
      const depth = t === p ? part : (0.75 * part) / worst;
      const kind = count === 0 ? "none" : t === p ? "right" : "wrong";
      const isChosen = chosen && chosen[0] === t && chosen[1] === p;
      const shade = Math.round(8 + 92 * depth);
      td.className = `${kind}${shade >= FULL ? " full" : ""}${shade >= DEEP ? " deep" : ""}${isChosen ? " chosen" : ""}`;
      td.style.setProperty("--share", `${shade}%`);
      td.textContent = count === 0 ? "·" : rates ? percent(part) : String(count);
      td.tabIndex = t === matrix.at[0] && p === matrix.at[1] ? 0 : -1;
      const images = `${count} of ${row.reduce((a, b) => a + b, 0)}`;
      td.title = `true ${classes[t]}, predicted ${classes[p]}: ${images} images (${percent(part)} %)`;
      td.setAttribute("aria-label", td.title);
    });
  });
}

const share = (row, count) => count / Math.max(1, row.reduce((a, b) => a + b, 0));
const percent = (part) => (part > 0 && part < 0.01 ? "<1" : part < 1 && part > 0.99 ? ">99" : (100 * part).toFixed(0));

function place(matrix, td) {
  for (const [t, cells] of matrix.cells.entries()) {
    const p = cells.indexOf(td);
    if (p >= 0) return [t, p];
  }
  return undefined;
}

function choose(matrix, td) {
  const at = td && place(matrix, td);
  if (!at || matrix.data.counts[at[0]][at[1]] === 0) return;
  const same = matrix.data.chosen && matrix.data.chosen[0] === at[0] && matrix.data.chosen[1] === at[1];
  matrix.send("cell", same ? "" : at.join("-"));
}

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

function move(matrix, event) {
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    choose(matrix, event.target.closest("td"));
    return;
  }
  const step = STEPS[event.key];
  if (!step) return;
  event.preventDefault();
  const last = matrix.cells.length - 1;
  const at = matrix.at.map((value, i) => Math.min(last, Math.max(0, value + step[i])));
  matrix.cells[matrix.at[0]][matrix.at[1]].tabIndex = -1;
  matrix.at = at;
  matrix.cells[at[0]][at[1]].tabIndex = 0;
  matrix.cells[at[0]][at[1]].focus();
}

// A picture is drawn by Plotly, so that it is one of curves and letters and not of the page.
async function act({ root, data }, name) {
  const figure = JSON.parse(data.figure);
  if (name === "csv") return saveCsv(figure, data.file_name);
  const Plotly = await loadPlotly(data.plotly);
  const layout = dress(figure.layout, readTheme(root, "light"), {});
  const plot = { data: figure.data, layout, element: root, clientHeight: 720 };
  return saveImage(Plotly, plot, { title: data.title, name: data.file_name, format: name });
}

const known = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".lab-matrix");
  if (!root) return;
  if (!known.has(root)) {
    const frame = root.closest(".lab-chart");
    const matrix = { root, frame, table: root.querySelector("table"), at: [0, 0] };
    matrix.table.addEventListener("click", (event) => choose(matrix, event.target.closest("td")));
    matrix.table.addEventListener("keydown", (event) => move(matrix, event));
    matrix.frame.querySelector("nav").addEventListener("click", (event) => {
      const name = event.target.closest("button")?.dataset.do;
      if (name) act(matrix, name);
    });
    known.set(root, matrix);
  }
  const matrix = known.get(root);
  matrix.data = data;
  matrix.send = setTriggerValue;
  matrix.frame.querySelector("h4").textContent = data.title;
  root.setAttribute("aria-label", data.title);
  if (matrix.names !== JSON.stringify(data.classes)) build(matrix, data);
  fill(matrix, data);
}
