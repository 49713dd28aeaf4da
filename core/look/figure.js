// Behind every chart of a page or a report: the colours of its theme, and what it shows as CSV, PNG and SVG.
// No module of its own: it stands before the script that uses it.

const CONFIG = {
  displayModeBar: false,
  displaylogo: false,
  modeBarButtonsToRemove: ["sendChartToCloud", "sendDataToCloud"],
  doubleClick: false, // Its own would also turn around axes that run downwards: see showAll.
  showTips: false,
  responsive: false,
};

// The colours that hold at this element; with a scheme ("light" or "dark") those of that one, whatever the page shows.
function readTheme(element, scheme = "") {
  const probe = document.createElement("span");
  probe.style.colorScheme = scheme;
  element.append(probe);
  const style = getComputedStyle(probe);
  const read = (name) => {
    // Only as the colour of an element does light-dark() become one of its two.
    probe.style.color = `var(--lab-${name})`;
    return style.color;
  };
  const theme = { font: style.fontFamily };
  for (const name of ["text", "ground", "panel", "line"]) theme[name] = read(name);
  probe.remove();
  return theme;
}

const axesOf = (layout) => Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key));

function dress(layout, theme, size) {
  const grid = { gridcolor: theme.line, gridwidth: 0.6, zeroline: false, linecolor: theme.line, tickcolor: theme.line };
  const dressed = {
    ...layout,
    autosize: false,
    ...size,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: theme.font, size: 12, color: theme.text },
    hoverlabel: { bgcolor: theme.panel, bordercolor: theme.line, font: { color: theme.text, size: 12 }, namelength: -1 },
  };
  for (const name of axesOf(layout)) dressed[name] = { ...grid, ...layout[name] };
  return dressed;
}

// The figure in its place, its title left to the page above it. What a person did to it stays.
async function drawFigure(Plotly, plot, text, theme) {
  const figure = JSON.parse(text);
  delete figure.layout.title;
  figure.layout.margin = { ...figure.layout.margin, t: figure.layout.showlegend ? 26 : 8 };
  const size = { width: plot.clientWidth, height: plot.clientHeight };
  const drawn = Plotly.react(plot, figure.data, dress(figure.layout, theme, size), CONFIG);
  if (!plot.labWhole) plot.on("plotly_doubleclick", () => showAll(Plotly, plot));
  plot.labWhole = figure.layout;
  await drawn;
  if (figure.layout.meta?.nearest) watchNearest(plot);
}

// All of it, as the figure is by itself.
function showAll(Plotly, plot) {
  const whole = (axis) => {
    const { range, autorange } = plot.labWhole[axis] ?? {};
    return range ? [`${axis}.range`, [...range]] : [`${axis}.autorange`, autorange ?? true];
  };
  return Plotly.relayout(plot, Object.fromEntries(axesOf(plot._fullLayout).map(whole)));
}

function save(href, name) {
  const link = document.createElement("a");
  link.href = href;
  link.download = name;
  link.click();
}

const blank = (value) => (value === null || Number.isNaN(value) ? "" : value);
const quote = (text) => `"${String(text).replace(/^(?=[=+\-@])/, "'").replaceAll('"', '""')}"`;

function saveCsv(plot, name) {
  const rows = [...linesOf(plot)].flatMap(({ run, series, x, y, from, to }) =>
    Array.from(x.slice(from, to), (at, i) => [quote(run), quote(series), at, blank(y[from + i])].join(",")),
  );
  const axis = plot._fullLayout.xaxis.title.text || "x";
  const text = [["run", "series", axis, "value"].join(","), ...rows].join("\r\n");
  const href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  save(href, `${name}.csv`);
  setTimeout(() => URL.revokeObjectURL(href), 1000);
}

// As it is looked at now, with title and legend, and always on white: such pictures go into papers.
async function saveImage(Plotly, plot, title, name, format) {
  const theme = readTheme(plot.parentElement, "light");
  const { text, ground, line } = theme;
  const layout = structuredClone(plot.layout);
  Object.assign(layout, { paper_bgcolor: ground, font: { ...layout.font, color: text } });
  layout.title = { text: title, x: 0.01, font: { size: 15, color: text } };
  layout.margin = { ...layout.margin, t: 60 };
  for (const axis of axesOf(layout)) Object.assign(layout[axis], { gridcolor: line, linecolor: line, tickcolor: line });
  const size = { width: 900, height: 480, scale: 2 };
  save(await Plotly.toImage({ data: plot.data, layout }, { format, ...size }), `${name}.${format}`);
}
