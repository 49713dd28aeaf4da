// Behind every chart of a page or a report: the colours of its theme, and what a person did to it.
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
  probe.style.color = "light-dark(#ffffff, #000000)";
  const theme = { font: style.fontFamily, dark: style.color === "rgb(0, 0, 0)" };
  for (const name of ["text", "ground", "panel", "line"]) theme[name] = read(name);
  probe.remove();
  return theme;
}

const axesOf = (layout) => Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key));

// Plotly writes ticks as 80%, all else here has a space before the sign.
const PERCENTS = Object.fromEntries(
  Array.from({ length: 1001 }, (_, tenths) => (tenths / 10).toFixed(tenths % 10 ? 1 : 0)).flatMap((number) => [
    [`${number}%`, `${number} %`],
    [`${number}.0%`, `${number}.0 %`],
  ]),
);

function spacePercents(axis) {
  return axis.tickformat?.endsWith("%") ? { labelalias: PERCENTS, ...axis } : axis;
}

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
  for (const name of axesOf(layout)) dressed[name] = { ...grid, ...spacePercents(layout[name]) };
  if (layout.meta?.brush) {
    dressed.annotations = backLabels(fitLabels(layout.annotations, layout, size.width, theme.font), theme.ground);
  }
  return dressed;
}

const AXIS_CLEAR = 14; // pixels before an upright axis: half of a range on it, and some air

// The values beside upright axes as far as there is room before the next one; what is cut is whole at the pointer.
function fitLabels(labels, { xaxis, margin, meta }, width, font) {
  const step = (width - margin.l - margin.r) / (xaxis.range[1] - xaxis.range[0]);
  const { context } = (fitLabels.canvas ??= { context: document.createElement("canvas").getContext("2d") });
  return labels.map((label) => {
    const whole = label.hovertext || label.text;
    context.font = `${label.font.size}px ${font}`;
    const room = label.x < meta.brush.length - 1 ? step - label.xshift - AXIS_CLEAR : Infinity;
    const text = fitText(whole, room, (plain) => context.measureText(plain).width);
    return { ...label, text, hovertext: text === whole ? "" : whole };
  });
}

// As many letters as have room; in Plotly's text a letter may be written as an entity.
function fitText(text, room, measure) {
  const letters = text.match(/&#?\w+;|./gsu) ?? [];
  const toPlain = (letter) => Object.keys(ENTITIES).find((each) => ENTITIES[each] === letter) ?? letter;
  const fits = (count) => measure(letters.slice(0, count).map(toPlain).join("") + (count < letters.length ? "…" : "")) <= room;
  if (fits(letters.length)) return text;
  let [most, over] = [1, letters.length];
  while (over - most > 1) {
    const middle = (most + over) >> 1;
    if (fits(middle)) most = middle;
    else over = middle;
  }
  return `${letters.slice(0, most).join("").trimEnd()}…`;
}

// The values beside upright axes can be read where lines pass behind them.
function backLabels(labels, ground) {
  return labels.map((label) => ({ ...label, bgcolor: ground.replace("rgb(", "rgba(").replace(")", ", 0.75)") }));
}

const INKED = ["line", "marker", "error_x", "error_y", "textfont"];

// A trace in the colours of its ground: those of runs have a step of their own in the dark, named by the figure.
function inkTrace(trace, steps) {
  const stepOne = (colour) => (steps[colour?.slice?.(0, 7)] ? steps[colour.slice(0, 7)] + colour.slice(7) : colour);
  const step = (colour) => (Array.isArray(colour) ? colour.map(stepOne) : stepOne(colour));
  const scale = (stops) => stops.map(([share, colour]) => [share, stepOne(colour)]);
  const ink = (part) => ({
    ...part,
    ...(part.color === undefined ? {} : { color: step(part.color) }),
    ...(part.colorscale ? { colorscale: scale(part.colorscale) } : {}),
  });
  const inked = ink(trace);
  for (const name of INKED) if (trace[name]) inked[name] = ink(trace[name]);
  if (trace.marker?.line) inked.marker = { ...inked.marker, line: ink(trace.marker.line) };
  if (trace.fillcolor) inked.fillcolor = step(trace.fillcolor);
  return inked;
}

// The figure in its place, its title left to the page above it. What a person did to it stays.
async function drawFigure(Plotly, plot, text, theme) {
  const figure = JSON.parse(text);
  delete figure.layout.title;
  figure.layout.margin = { ...figure.layout.margin, t: figure.layout.showlegend ? 26 : 8 };
  const size = { width: plot.clientWidth, height: plot.clientHeight };
  const steps = (theme.dark && figure.layout.meta?.dark) || {};
  const traces = figure.data.map((trace) => inkTrace(trace, steps));
  // Told outright: Plotly keeps a range that the figure before had set for its only value, and loses where it was.
  for (const name of axesOf(figure.layout)) if (!figure.layout[name].range) figure.layout[name].autorange ??= true;
  plot.labData = figure.data; // as it is on a light ground
  plot.labShapes = figure.layout.shapes;
  if (figure.layout.shapes) figure.layout.shapes = figure.layout.shapes.map((shape) => inkTrace(shape, steps));
  const drawn = Plotly.react(plot, traces, dress(figure.layout, theme, size), CONFIG);
  if (!plot.labWhole) plot.on("plotly_doubleclick", () => showAll(Plotly, plot));
  plot.labWhole = figure.layout;
  await drawn;
  const { meta, hovermode } = figure.layout;
  if (meta?.nearest) plot.labFollow = watchNearest(plot);
  else if (hovermode === "x unified") plot.labFollow = shareUnified(Plotly, plot);
  else plot.labFollow = meta?.across ? shareRules(plot) : undefined;
  TOGETHER.add(plot);
}

// All of it, as the figure is by itself.
function showAll(Plotly, plot) {
  const whole = (axis) => {
    const { range, autorange } = plot.labWhole[axis] ?? {};
    return range ? [`${axis}.range`, [...range]] : [`${axis}.autorange`, autorange ?? true];
  };
  return Plotly.relayout(plot, Object.fromEntries(axesOf(plot._fullLayout).map(whole)));
}
