// What is pointed at in one chart of a page is shown in its others too, where they have the same axis across.

const TOGETHER = (window.labTogether ??= new Set());

const acrossOf = (plot) => plot._fullLayout?.meta?.across ?? plot._fullLayout?.xaxis?.title?.text;

// The other charts that show the same: those on the page, in a tab that is open.
function* othersOf(plot) {
  for (const other of TOGETHER) {
    if (!other.isConnected) TOGETHER.delete(other);
    else if (other !== plot && other.clientWidth && acrossOf(other) === acrossOf(plot)) yield other;
  }
}

// A person points at `x` in this plot, at these runs, the nearest first; without an `x` they left.
function tellOthers(plot, x, ids = []) {
  for (const other of othersOf(plot)) other.labFollow?.(x, ids);
}

const isWithin = (axis, x) => axis.d2p(x) >= 0 && axis.d2p(x) <= axis._length;

// Each of these listens once and gives back how the plot follows another: a figure drawn later may do it another way.

// Of one run: Plotly's own label names all of its lines. Only a pointer is told on, not what this shows by itself.
function shareUnified(Plotly, plot) {
  plot.labUnified ??= listenToUnified(Plotly, plot);
  return plot.labUnified;
}

function listenToUnified(Plotly, plot) {
  plot.on("plotly_hover", ({ event, xvals }) => event?.isTrusted && xvals && tellOthers(plot, xvals[0]));
  plot.on("plotly_unhover", ({ event }) => event?.isTrusted && tellOthers(plot));
  return (x) => {
    if (x !== undefined && isWithin(plot._fullLayout.xaxis, x)) Plotly.Fx.hover(plot, { xval: x }, "xy");
    else Plotly.Fx.unhover(plot, { target: plot }, "xy");
  };
}

// Of small multiples: a line down all panels where one of them, or another chart, is pointed at.
function shareRules(plot) {
  plot.labRules ??= listenToPanels(plot);
  return plot.labRules;
}

function listenToPanels(plot) {
  const rules = makeNode("div", "", "position:absolute; inset:0; pointer-events:none;");
  rules.className = "lab-rules";
  plot.style.position = "relative";
  plot.append(rules);
  const follow = (x) => {
    const panels = x === undefined ? [] : Object.values(plot._fullLayout._plots);
    const crossed = panels.filter(({ xaxis }) => isWithin(xaxis, x));
    rules.replaceChildren(...crossed.map(({ xaxis, yaxis }) => makeRule(xaxis._offset + xaxis.d2p(x), yaxis)));
  };
  const point = (x) => {
    follow(x);
    tellOthers(plot, x);
  };
  plot.on("plotly_hover", ({ points }) => point(points[0].x));
  plot.on("plotly_unhover", () => point());
  return follow;
}

function makeRule(left, { _offset, _length }) {
  const place = `position:absolute; left:${left}px; top:${_offset}px; height:${_length}px;`;
  return makeNode("div", "", `${place} border-left:1px solid var(--lab-muted);`);
}
