"""What the charts of a page hold, asked in the browser."""

# The largest number of points of any curve of any chart, as an expression; charts may stand in a shadow root. Curves
# with points between two epochs do not count: they may have more than there are epochs.
COUNT_POINTS = """(() => {
  const inside = (e) => [e, ...(e.shadowRoot ? within(e.shadowRoot) : [])];
  const within = (root) => [...root.querySelectorAll('*')].flatMap(inside);
  const charts = within(document).filter((e) => Array.isArray(e.calcdata));
  return Math.max(0, ...charts.flatMap((e) => e.calcdata)
    .filter(([first]) => !first?.trace?.uid?.endsWith("-steps")).map((curve) => curve.length));
})()"""
