// Draws a Plotly figure in place. Called again with new data at every update; what a person did stays.

async function draw(chart) {
  const { data, plot, root } = chart;
  const Plotly = await loadPlotly(data.plotly);
  // Hidden in a tab or gone meanwhile: the observer draws it once it has a size.
  if (chart.gone || !plot.clientWidth) return;
  const theme = readTheme(root);
  const now = [data.figure, JSON.stringify(theme), plot.clientWidth, plot.clientHeight];
  // A chart is asked for again when it gets its size, and by every renewal of its page.
  if (plot.labDrawn?.every((each, i) => each === now[i])) return;
  await drawFigure(Plotly, plot, data.figure, theme);
  plot.labDrawn = now;
  listen(plot);
}

// A click on a point tells the page what the point stands for, where the page asked to know.
function listen(plot) {
  if (plot.labListens) return;
  plot.labListens = true;
  plot.on("plotly_click", ({ points }) => {
    const { data, send } = plot.labChart;
    const point = points.map((each) => each.customdata).find((each) => each !== undefined && each !== null);
    if (data.picks && point !== undefined) send("pick", point);
  });
  if (plot.labChart.data.brushes) listenToBrush(plot);
}

const AXIS_REACH = 18; // pixels on either side of an upright axis
const STILL = 4; // pixels that a click may move

// The axis at the pointer and the height on it, 0 to 1.
function findAxis(plot, event) {
  const { xaxis, yaxis, meta } = plot._fullLayout;
  const box = plot.getBoundingClientRect();
  const [x, y] = [event.clientX - box.x - xaxis._offset, event.clientY - box.y - yaxis._offset];
  const at = meta.brush.findIndex((_, place) => Math.abs(xaxis.d2p(place) - x) <= AXIS_REACH);
  const height = yaxis.p2d(y);
  if (at < 0 || height < -0.05 || height > 1.05) return undefined;
  return { at, height: Math.min(1, Math.max(0, height)), x: xaxis._offset + xaxis.d2p(at) };
}

// A click means the value that is nearest to it, and none on a range that is there or far from any line.
function findValue(plot, { at, height }) {
  const range = plot._fullLayout.meta.brush[at].range;
  if (range && height >= range[0] && height <= range[1]) return null;
  const heights = plot._fullData.flatMap((trace) => Array.from(trace.y).filter((_, i) => trace.x[i] === at));
  const near = heights.sort((a, b) => Math.abs(a - height) - Math.abs(b - height))[0];
  return near === undefined || Math.abs(near - height) > 0.05 ? null : [near, near];
}

// Dragging along an axis tells the page the range drawn on it.
function listenToBrush(plot) {
  plot.style.position = "relative";
  const box = document.createElement("div");
  box.className = "lab-brush";
  box.hidden = true;
  plot.append(box);
  let start;
  const draw = (end) => {
    const { yaxis } = plot._fullLayout;
    const [top, bottom] = [Math.max(start.height, end), Math.min(start.height, end)].map((y) => yaxis._offset + yaxis.d2p(y));
    Object.assign(box.style, { left: `${start.x - 7}px`, top: `${top}px`, height: `${bottom - top}px` });
    box.hidden = false;
  };
  const heightOf = (event) => {
    const { yaxis } = plot._fullLayout;
    return Math.min(1, Math.max(0, yaxis.p2d(event.clientY - plot.getBoundingClientRect().y - yaxis._offset)));
  };
  plot.addEventListener("pointerdown", (event) => {
    const axis = event.button === 0 && plot._fullLayout?.meta?.brush ? findAxis(plot, event) : undefined;
    if (!axis) return;
    start = { ...axis, y: event.clientY };
    plot.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  plot.addEventListener("pointermove", (event) => {
    if (start) return Math.abs(event.clientY - start.y) > STILL && draw(heightOf(event));
    const ground = plot.querySelector(".nsewdrag");
    if (ground) ground.style.cursor = plot._fullLayout?.meta?.brush && findAxis(plot, event) ? "ns-resize" : "default";
    return undefined;
  });
  plot.addEventListener("pointerup", (event) => {
    if (!start) return;
    const moved = Math.abs(event.clientY - start.y) > STILL;
    const range = moved ? [start.height, heightOf(event)].sort((a, b) => a - b) : findValue(plot, start);
    plot.labChart.send("brush", { axis: plot._fullLayout.meta.brush[start.at].key, range });
    start = undefined;
    box.hidden = true;
  });
  plot.addEventListener("pointercancel", () => {
    start = undefined;
    box.hidden = true;
  });
}

function show(chart) {
  // One after the other, and always the newest: updates that come while one is drawn are drawn once.
  if (chart.drawing) {
    chart.again = true;
    return;
  }
  chart.drawing = draw(chart)
    .catch((error) => console.warn("resnet lab chart:", error))
    .finally(() => {
      chart.drawing = undefined;
      if (chart.again && !chart.gone) {
        chart.again = false;
        show(chart);
      }
    });
}

async function act({ root, plot, data }, name) {
  const Plotly = await loadPlotly(data.plotly);
  if (name === "csv") return saveCsv(plot, data.file_name);
  if (name === "png" || name === "svg") {
    return saveImage(Plotly, plot, { title: data.title, name: data.file_name, format: name });
  }
  if (name === "reset") return showAll(Plotly, plot);
  return document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen();
}

// Charts that left the page, by key, the oldest first: back on a tab, they are as they were left.
const kept = new Map();
const MAX_KEPT = 12;

function keep(key, plot) {
  kept.delete(key);
  kept.set(key, plot);
  if (kept.size > MAX_KEPT) {
    const [oldest, gone] = kept.entries().next().value;
    kept.delete(oldest);
    window.Plotly?.purge(gone);
  }
}

function mount(parent, key) {
  const root = parent.querySelector(".lab-chart");
  if (kept.has(key)) {
    root.querySelector(".lab-plot").replaceWith(kept.get(key));
    kept.delete(key);
  }
  const chart = { root, plot: root.querySelector(".lab-plot") };
  chart.plot.labChart = chart; // A plot that comes back to the page belongs to a new chart.
  chart.observer = new ResizeObserver(() => show(chart));
  chart.observer.observe(chart.plot);
  root.querySelector("nav").addEventListener("click", (event) => {
    const name = event.target.closest("button")?.dataset.do;
    if (name && chart.plot._fullData) act(chart, name);
  });
  return chart;
}

const charts = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".lab-chart");
  if (!root) return undefined;
  if (!charts.has(root)) charts.set(root, mount(parentElement, data.key));
  const chart = charts.get(root);
  chart.data = data;
  chart.send = setTriggerValue;
  root.querySelector("h4").textContent = data.title;
  root.setAttribute("aria-label", data.title);
  if (!document.fullscreenElement) chart.plot.style.height = `${data.height}px`;
  chart.plot.style.minWidth = data.min_width ? `${data.min_width}px` : "";
  show(chart);
  return () => {
    chart.gone = true;
    chart.observer.disconnect();
    keep(data.key, chart.plot);
    charts.delete(root);
  };
}
