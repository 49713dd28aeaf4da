// Draws a Plotly figure in place. Called again with new data at every update; what a person did stays.

let library;

function loadPlotly(address) {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => {
      library = undefined; // The next update tries again.
      reject(new Error("plotly.js could not be loaded"));
    };
    document.head.append(script);
  });
  return library;
}

const CONFIG = {
  displayModeBar: false,
  displaylogo: false,
  modeBarButtonsToRemove: ["sendChartToCloud", "sendDataToCloud"],
  doubleClick: "autosize",
  showTips: false,
  responsive: false,
};

function readTheme(element) {
  const style = getComputedStyle(element);
  const read = (name) => style.getPropertyValue(`--st-${name}`).trim();
  return {
    text: read("text-color"),
    ground: read("background-color"),
    panel: read("secondary-background-color"),
    line: read("border-color"),
    font: read("font"),
  };
}

function dress(layout, theme, plot) {
  const grid = { gridcolor: theme.line, gridwidth: 0.6, zeroline: false, linecolor: theme.line, tickcolor: theme.line };
  const dressed = {
    ...layout,
    autosize: false,
    width: plot.clientWidth,
    height: plot.clientHeight,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: theme.font, size: 12, color: theme.text },
    hoverlabel: { bgcolor: theme.panel, bordercolor: theme.line, font: { color: theme.text, size: 12 }, namelength: -1 },
  };
  for (const name of Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key))) {
    dressed[name] = { ...grid, ...layout[name] };
  }
  return dressed;
}

async function draw(chart) {
  const { data, plot, parent } = chart;
  const Plotly = await loadPlotly(data.plotly);
  // Hidden in a tab or gone meanwhile: the observer draws it once it has a size.
  if (chart.gone || !plot.clientWidth) return;
  const figure = JSON.parse(data.figure);
  delete figure.layout.title;
  figure.layout.margin = { ...figure.layout.margin, t: figure.layout.showlegend ? 26 : 8 };
  await Plotly.react(plot, figure.data, dress(figure.layout, readTheme(parent), plot), CONFIG);
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

function save(href, name) {
  const link = document.createElement("a");
  link.href = href;
  link.download = name;
  link.click();
}

const quote = (text) => `"${String(text).replace(/^(?=[=+\-@])/, "'").replaceAll('"', '""')}"`;

function writeCsv({ plot, data }) {
  const shown = plot._fullData.filter((trace) => trace.visible === true && trace.meta?.series);
  const rows = shown.flatMap((trace) =>
    Array.from(trace.x, (x, i) => [quote(trace.meta.run), quote(trace.meta.series), x, trace.y[i] ?? ""].join(",")),
  );
  const axis = plot._fullLayout.xaxis.title.text || "x";
  const text = [["run", "series", axis, "value"].join(","), ...rows].join("\r\n");
  const href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  save(href, `${data.file_name}.csv`);
  setTimeout(() => URL.revokeObjectURL(href), 1000);
}

async function saveImage({ plot, data, parent }, format) {
  const Plotly = await loadPlotly(data.plotly);
  const theme = readTheme(parent);
  const layout = structuredClone(plot.layout);
  Object.assign(layout, { paper_bgcolor: theme.ground, title: { text: data.title, x: 0.01, font: { size: 15 } } });
  layout.margin = { ...layout.margin, t: 60 };
  const size = { width: 900, height: 480, scale: 2 };
  save(await Plotly.toImage({ data: plot.data, layout }, { format, ...size }), `${data.file_name}.${format}`);
}

async function act(chart, name) {
  if (name === "csv") return writeCsv(chart);
  if (name === "png" || name === "svg") return saveImage(chart, name);
  if (name === "reset") {
    const axes = Object.keys(chart.plot._fullLayout).filter((key) => /^[xy]axis\d*$/.test(key));
    return window.Plotly.relayout(chart.plot, Object.fromEntries(axes.map((axis) => [`${axis}.autorange`, true])));
  }
  return document.fullscreenElement ? document.exitFullscreen() : chart.root.requestFullscreen();
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
  const chart = { parent, root, plot: root.querySelector(".lab-plot") };
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
  show(chart);
  return () => {
    chart.gone = true;
    chart.observer.disconnect();
    keep(data.key, chart.plot);
    charts.delete(root);
  };
}
