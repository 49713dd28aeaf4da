// What is pointed at in one chart of a page is shown in its others too, where they have the same axis across.

const TOGETHER = (window.labTogether ??= new Set());

const acrossOf = (plot) => plot._fullLayout?.xaxis?.title?.text;

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

// Of one run: Plotly's own label names all of its lines. Only a pointer is told on, not what this shows by itself.
function shareUnified(Plotly, plot) {
  if (plot.labFollow) return;
  plot.on("plotly_hover", ({ event, xvals }) => event?.isTrusted && xvals && tellOthers(plot, xvals[0]));
  plot.on("plotly_unhover", ({ event }) => event?.isTrusted && tellOthers(plot));
  plot.labFollow = (x) => {
    const { xaxis, hovermode } = plot._fullLayout;
    const isThere = x !== undefined && xaxis.d2p(x) >= 0 && xaxis.d2p(x) <= xaxis._length;
    if (isThere && hovermode === "x unified") Plotly.Fx.hover(plot, { xval: x }, "xy");
    else Plotly.Fx.unhover(plot, { target: plot }, "xy");
  };
}
