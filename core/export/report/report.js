// Draws the charts of a report from the data beside them; follows the system's theme, the window's width and the printer.

const charts = [...document.querySelectorAll(".chart")].map((section) => ({
  section,
  plot: section.querySelector(".plot"),
  text: section.querySelector("script").textContent,
}));

function draw({ section, plot, text }) {
  // Inside a closed part of the page it has no width; it is drawn once it is opened.
  if (plot.clientWidth) drawFigure(Plotly, plot, text, readTheme(section));
}

const drawAll = () => charts.forEach(draw);

function act({ section, plot }, name) {
  const title = section.querySelector("h4").textContent;
  const file = section.dataset.file;
  if (name === "csv") return saveCsv(plot, file);
  if (name === "reset") return showAll(Plotly, plot);
  return saveImage(Plotly, plot, { title, name: file, format: name });
}

const observer = new ResizeObserver((entries) => {
  for (const { target } of entries) draw(charts.find(({ plot }) => plot === target));
});

for (const chart of charts) {
  observer.observe(chart.plot);
  chart.section.querySelector("nav").addEventListener("click", (event) => {
    const name = event.target.closest("button")?.dataset.do;
    if (name && chart.plot._fullData) act(chart, name);
  });
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);

// Paper is white and narrow, and tells of every run; what else is folded is left out.
let opened = [];
addEventListener("beforeprint", () => {
  document.documentElement.classList.add("paper");
  opened = [...document.querySelectorAll("details.run:not([open])")];
  for (const part of opened) part.open = true;
  drawAll();
});
addEventListener("afterprint", () => {
  document.documentElement.classList.remove("paper");
  for (const part of opened) part.open = false;
  drawAll();
});
