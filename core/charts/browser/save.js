// What a figure shows, as a file: its numbers as CSV, its picture as PNG or SVG.

function save(href, name) {
  const link = document.createElement("a");
  link.href = href;
  link.download = name;
  link.click();
}

const isMissing = (value) => value === null || value === undefined || (typeof value === "number" && !Number.isFinite(value));
// Numbers come as float32, which holds seven digits.
const trim = (value) => (Number.isInteger(value) ? value : Number(value.toPrecision(7)));
// A spreadsheet would take text that begins so for a formula.
const quote = (text) => `"${String(text).replace(/^(?=[=+\-@\t\r\n＝＋－＠])/, "'").replaceAll('"', '""')}"`;
const cell = (value) => (typeof value === "number" && !isMissing(value) ? trim(value) : isMissing(value) ? "" : quote(value));
const joinRows = (rows) => rows.map((row) => row.map(cell).join(",")).join("\r\n");

// The lines shown, a row a point; `meta.custom` names what rides along with a line's points.
function writeLines(plot) {
  const lines = [...linesOf(plot)];
  const custom = lines.map((line) => line.custom).find(Boolean);
  const rows = lines.flatMap(({ run, series, x, y, from, to, customdata }) =>
    Array.from(x.slice(from, to), (at, i) => [run, series, at, y[from + i], ...(custom ? [customdata?.[from + i]] : [])]),
  );
  // Curves that are one line have gaps between them.
  const known = rows.filter(([, , at]) => !isMissing(at));
  const axis = acrossOf(plot) || "x";
  return joinRows([["run", "series", axis, "value", ...(custom ? [custom] : [])], ...known]);
}

// Numbers as Plotly writes them: plain, or packed as bytes.
function unpack(values) {
  if (Array.isArray(values)) return values;
  const bytes = Uint8Array.from(atob(values.bdata), (letter) => letter.charCodeAt(0));
  return Array.from(new Float32Array(bytes.buffer));
}

// The table that a figure brings along, by columns: its points alone would not tell what they stand for.
function writeTable(columns) {
  const read = ({ values, labels }) => (labels ? unpack(values).map((place) => labels[place]) : unpack(values));
  const found = columns.map(read);
  const rows = found[0].map((_, place) => found.map((values) => values[place]));
  return joinRows([columns.map(({ name }) => name), ...rows]);
}

function saveCsv(plot, name) {
  const table = plot.layout.meta?.table;
  const text = table ? writeTable(table) : writeLines(plot);
  const href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  save(href, `${name}.csv`);
  setTimeout(() => URL.revokeObjectURL(href), 1000);
}

const PICTURE = { width: 900, height: 480 };
const NAME_LENGTH = 34;
const LEGEND = { line: 19, beside: 48, letter: 6.4 }; // pixels: of a row, of what is no name, of a letter

// Plotly reads markup and its own %{...} in titles and names.
const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", "{": "&#123;" };
const asText = (text) => text.replace(/[&<>{]/g, (letter) => ENTITIES[letter]);

// Lines that share a trace have no legend on a page, where the pointer names them; a picture has no pointer.
function listNames(data) {
  const lines = data.flatMap(({ meta, line }) => (meta?.lines ?? []).map(({ id, run }) => ({ id, run, line })));
  return [...new Map(lines.map((each) => [each.id, each])).values()].map(({ run, line }) => {
    const look = { type: "scatter", mode: "lines", x: [null], y: [null], line: { color: line.color, width: 2 } };
    const name = run.length > NAME_LENGTH ? `${run.slice(0, 22)}…${run.slice(-11)}` : run;
    return { ...look, name: asText(name), showlegend: true };
  });
}

// How many rows the legend takes at a picture's width.
function countRows(data) {
  let [rows, used] = [1, 0];
  for (const { name, showlegend } of data) {
    if (!name || showlegend === false) continue;
    const width = LEGEND.beside + LEGEND.letter * name.length;
    if (used && used + width > PICTURE.width - 60) [rows, used] = [rows + 1, 0];
    used += width;
  }
  return rows;
}

// As it is looked at now, with title and all of its legend, and always on white: such pictures go into papers.
async function saveImage(Plotly, plot, { title, name, format }) {
  const { text, ground, line } = readTheme(plot.element ?? plot.parentElement, "light");
  const traces = (plot.labData ?? plot.data).map((trace, place) => ({ ...trace, visible: plot.data[place].visible }));
  const names = listNames(traces);
  const data = [...traces.filter(({ visible }) => visible !== "legendonly"), ...names];
  const layout = structuredClone(plot.layout);
  if (plot.labShapes) layout.shapes = plot.labShapes;
  Object.assign(layout, { paper_bgcolor: ground, font: { ...layout.font, color: text } });
  const onWhite = { gridcolor: line, linecolor: line, tickcolor: line, automargin: true };
  for (const axis of axesOf(layout)) Object.assign(layout[axis], onWhite);
  if (layout.meta?.brush) {
    layout.annotations = backLabels(fitLabels(layout.annotations, layout, PICTURE.width, layout.font.family), ground);
  }
  layout.title = { text: asText(title), x: 0.01, y: 0.97, yanchor: "top", font: { size: 15, color: text } };
  layout.margin = { ...layout.margin, t: layout.xaxis?.side === "top" ? 80 : 48 };
  const size = { width: PICTURE.width, height: Math.max(PICTURE.height, plot.clientHeight ?? 0) };
  if (layout.showlegend || names.length) {
    const room = LEGEND.line * countRows(data);
    size.height += room;
    layout.showlegend = true;
    layout.legend = { orientation: "h", x: 0, xanchor: "left", yref: "container", y: 0.01, yanchor: "bottom" };
    Object.assign(layout.legend, { maxheight: room + 2 * LEGEND.line, font: { size: 11, color: text } });
  }
  const href = await Plotly.toImage({ data, layout: { ...layout, ...size } }, { format, ...size, scale: 2 });
  save(href, `${name}.${format}`);
}
