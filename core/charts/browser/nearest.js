// Names the lines at the pointer, the nearest first: Plotly's own label names one of them, or all in the data's order.

const MOST_NAMED = 10;
const REACH = 30; // pixels beyond a line's end at which it still counts
const TOUCHED_MS = 4000;
const DASHES = { dash: "9,9", dot: "3,3" };
const MARKS = { diamond: "◆", square: "■", "triangle-up": "▲", x: "✖", cross: "✚", star: "★" };

// The lines shown. One trace may hold several that look alike: `meta.lines` then tells whose stands where.
function* linesOf(plot) {
  for (const trace of plot._fullData.filter((each) => each.visible === true)) {
    const { meta, legendgroup, x, y, line, marker, customdata } = trace;
    const whole = { ...meta, id: legendgroup, from: 0, to: x?.length };
    for (const whose of meta?.lines ?? (meta?.series ? [whole] : [])) yield { ...whose, x, y, line, marker, customdata };
  }
}

// "12.3 %" for 0.123 and ".1%": the few of d3's number formats that charts of lines use.
function formatNumber(value, format) {
  const digits = Number(/\.(\d+)/.exec(format)?.[1] ?? 0);
  if (format.endsWith("%")) return `${(100 * value).toFixed(digits)} %`;
  if (format.endsWith("g")) return String(Number(value.toPrecision(digits)));
  if (format.endsWith("s")) {
    const power = value ? Math.min(4, Math.max(0, Math.floor(Math.log10(Math.abs(value)) / 3))) : 0;
    return `${Number((value / 1000 ** power).toPrecision(digits))} ${["", "k", "M", "G", "T"][power]}`;
  }
  const fixed = { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: format.includes(",") };
  return value.toLocaleString("en", fixed);
}

// The line's points on either side of `at`; gaps are passed over.
function findSides(line, at) {
  let left = -1;
  let right = -1;
  for (let place = line.from; place < line.to; place += 1) {
    if (!Number.isFinite(line.y[place]) || !Number.isFinite(line.x[place])) continue;
    if (line.x[place] <= at) left = place;
    else if (right < 0) right = place;
  }
  return { left, right };
}

// How far the line passes from the pointer, in pixels, and its nearest point across; nothing where it is not there.
function measureLine(line, { xaxis, yaxis }, pointer) {
  const { left, right } = findSides(line, xaxis.p2d(pointer.x));
  const spot = (place) => ({ x: xaxis.d2p(line.x[place]), y: yaxis.d2p(line.y[place]) });
  if (left < 0 || right < 0) {
    const place = Math.max(left, right);
    if (place < 0) return undefined;
    const { x, y } = spot(place);
    const gap = Math.abs(x - pointer.x);
    return gap > REACH ? undefined : { place, distance: Math.hypot(gap, y - pointer.y) };
  }
  const [a, b] = [spot(left), spot(right)];
  const height = a.y + ((b.y - a.y) * (pointer.x - a.x)) / (b.x - a.x);
  return { place: pointer.x - a.x <= b.x - pointer.x ? left : right, distance: Math.abs(height - pointer.y) };
}

// The runs at the pointer, the nearest first, each with what its lines say there. Without a height, where another chart
// is pointed at, they are in the order of `ids`, which are those named there.
function findNearest(plot, pointer, ids = []) {
  const runs = new Map();
  for (const line of linesOf(plot)) {
    const found = line.edge ? undefined : measureLine(line, plot._fullLayout, pointer);
    if (!found || !Number.isFinite(found.distance)) continue;
    const run = runs.get(line.id) ?? { id: line.id, name: line.run, colour: line.line.color, distance: Infinity, said: [] };
    run.said.push({ line, place: found.place });
    run.mark ??= MARKS[line.marker?.symbol];
    if (found.distance < run.distance) Object.assign(run, { distance: found.distance, x: line.x[found.place] });
    runs.set(line.id, run);
  }
  const place = ({ id }) => (ids.includes(id) ? ids.indexOf(id) : ids.length);
  return [...runs.values()].sort((a, b) => place(a) - place(b) || a.distance - b.distance);
}

const NEAR_STYLE = {
  label: `position:absolute; z-index:5; display:none; pointer-events:none; max-width:min(30rem,96%); box-sizing:border-box;
    padding:0.35rem 0.55rem; border:1px solid var(--lab-line); border-radius:0.25rem; background:var(--lab-panel);
    color:var(--lab-text); font-size:12px; line-height:1.45; font-variant-numeric:tabular-nums;`,
  mark: "position:absolute; pointer-events:none; overflow:hidden; display:none;",
};

function makeNode(tag, text = "", style = "") {
  const node = document.createElement(tag);
  node.textContent = text;
  node.style.cssText = style;
  return node;
}

// Names go in as text.
function fillLabel(label, runs, plot) {
  const layout = plot._fullLayout;
  const { nearest, unit = "" } = layout.meta;
  const across = layout.xaxis.title.text;
  const x = runs[0].x;
  const tell = (value) => (across === "minutes" ? formatNumber(value, ".3g") : formatNumber(value, ",.0f"));
  const parts = [...new Set(runs.flatMap((run) => run.said.map(({ line }) => line.part)))];
  parts.sort((a, b) => (a === "training") - (b === "training"));
  const faint = "color:var(--lab-muted);font-weight:400;";
  const cell = "padding:0 0 0 0.8rem;text-align:right;white-space:nowrap;";
  const table = makeNode("table", "", "border-collapse:collapse;width:100%;");
  const head = table.insertRow();
  head.append(makeNode("th", `${across} ${tell(x)}`, "text-align:left;font-weight:500;"));
  for (const part of parts) head.append(makeNode("th", part ?? "", cell + faint));
  for (const run of runs.slice(0, MOST_NAMED)) {
    const row = table.insertRow();
    const name = makeNode("td", "", "overflow:hidden;text-overflow:ellipsis;white-space:nowrap;max-width:15rem;");
    // Of two runs of one colour the second has a symbol of its own.
    name.append(makeNode("span", run.mark ?? "●", `display:inline-block;width:1rem;color:${run.colour};`), run.name);
    const seeds = run.said.map(({ line, place }) => line.customdata?.[place]).find(Number.isFinite);
    if (seeds) name.append(makeNode("span", ` mean of ${seeds}`, faint));
    row.append(name);
    for (const part of parts) {
      const found = run.said.find(({ line }) => line.part === part);
      const value = makeNode("td", found ? formatNumber(found.line.y[found.place], nearest) + unit : "", cell);
      // Thinned lines have their points at different places.
      if (found && found.line.x[found.place] !== x) value.append(makeNode("span", ` at ${tell(found.line.x[found.place])}`, faint));
      row.append(value);
    }
  }
  label.replaceChildren(table);
  if (runs.length > MOST_NAMED) label.append(makeNode("div", `and ${runs.length - MOST_NAMED} more`, faint));
}

// The nearest run's lines once more, wide, over all others.
function fillMark(mark, run, { xaxis, yaxis }) {
  mark.style.cssText += `display:block;left:${xaxis._offset}px;top:${yaxis._offset}px;`;
  mark.setAttribute("width", xaxis._length);
  mark.setAttribute("height", yaxis._length);
  const parts = run.said.flatMap(({ line, place }) => {
    const path = document.createElementNS(mark.namespaceURI, "path");
    let steps = "";
    let pen = "M";
    for (let at = line.from; at < line.to; at += 1) {
      const [x, y] = [xaxis.d2p(line.x[at]), yaxis.d2p(line.y[at])];
      const known = Number.isFinite(x) && Number.isFinite(y);
      if (known) steps += `${pen}${x.toFixed(1)},${y.toFixed(1)}`;
      pen = known ? "L" : "M";
    }
    const look = { d: steps, fill: "none", stroke: run.colour, "stroke-width": line.line.width + 1.5 };
    if (DASHES[line.line.dash]) look["stroke-dasharray"] = DASHES[line.line.dash];
    for (const [name, value] of Object.entries(look)) path.setAttribute(name, value);
    const dot = document.createElementNS(mark.namespaceURI, "circle");
    const spot = { cx: xaxis.d2p(line.x[place]), cy: yaxis.d2p(line.y[place]), r: 4.5, fill: run.colour };
    for (const [name, value] of Object.entries(spot)) dot.setAttribute(name, value);
    return [path, dot];
  });
  mark.replaceChildren(...parts);
}

// Beside the pointer, on the side that has room.
function placeLabel(label, plot, pointer) {
  label.style.display = "block";
  const { xaxis, yaxis } = plot._fullLayout;
  const [x, y] = [xaxis._offset + pointer.x, yaxis._offset + pointer.y];
  const right = x + 16 + label.offsetWidth <= plot.clientWidth;
  const left = right ? x + 16 : Math.max(0, x - 16 - label.offsetWidth);
  label.style.left = `${left}px`;
  label.style.top = `${Math.max(0, Math.min(y - 12, plot.clientHeight - label.offsetHeight))}px`;
}

// Once for every plot, whose label is renewed after the plot was drawn again; gives back how it follows another.
function watchNearest(plot) {
  plot.labNearest ??= listenToPointer(plot);
  plot.labNearest.show();
  return plot.labNearest.follow;
}

function listenToPointer(plot) {
  plot.style.position = "relative";
  const label = makeNode("div", "", NEAR_STYLE.label);
  label.className = "lab-nearest";
  label.setAttribute("role", "tooltip");
  const mark = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  mark.style.cssText = NEAR_STYLE.mark;
  plot.append(mark, label);
  let pointer;
  let followed;
  let asked;
  const clear = () => {
    label.style.display = mark.style.display = "none";
  };
  const hide = () => {
    pointer = followed = undefined;
    clear();
    tellOthers(plot);
  };
  const show = () => {
    asked = undefined;
    const layout = plot._fullLayout;
    if (!(pointer || followed) || !layout?.meta?.nearest) return clear();
    const box = plot.getBoundingClientRect();
    const at = pointer
      ? { x: pointer.x - box.x - layout.xaxis._offset, y: pointer.y - box.y - layout.yaxis._offset }
      : { x: layout.xaxis.d2p(followed.x), y: 0 };
    const inside = at.x >= 0 && at.x <= layout.xaxis._length && at.y >= 0 && at.y <= layout.yaxis._length;
    const runs = inside ? findNearest(plot, at, followed?.ids) : [];
    if (pointer) tellOthers(plot, runs[0]?.x, runs.slice(0, MOST_NAMED).map(({ id }) => id));
    if (!runs.length) return clear();
    fillLabel(label, runs, plot);
    fillMark(mark, runs[0], layout);
    placeLabel(label, plot, at);
  };
  const point = (event) => {
    pointer = { x: event.clientX, y: event.clientY };
    followed = undefined;
    asked ??= requestAnimationFrame(show);
  };
  plot.addEventListener("pointermove", (event) => (event.buttons ? hide() : point(event))); // Dragging zooms.
  plot.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && hide());
  plot.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse") return hide();
    setTimeout(hide, TOUCHED_MS);
    return point(event);
  });
  const follow = (x, ids) => {
    pointer = undefined;
    followed = x === undefined ? undefined : { x, ids };
    if (followed) asked ??= requestAnimationFrame(show);
    else clear();
  };
  return { show, follow };
}
