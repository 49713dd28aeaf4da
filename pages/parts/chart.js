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

async function draw(chart) {
  const { data, plot, root } = chart;
  const Plotly = await loadPlotly(data.plotly);
  // Hidden in a tab or gone meanwhile: the observer draws it once it has a size.
  if (chart.gone || !plot.clientWidth) return;
  await drawFigure(Plotly, plot, data.figure, readTheme(root));
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

async function act({ root, plot, data }, name) {
  const Plotly = await loadPlotly(data.plotly);
  if (name === "csv") return saveCsv(plot, data.file_name);
  if (name === "png" || name === "svg") return saveImage(Plotly, plot, data.title, data.file_name, name);
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
  show(chart);
  return () => {
    chart.gone = true;
    chart.observer.disconnect();
    keep(data.key, chart.plot);
    charts.delete(root);
  };
}
