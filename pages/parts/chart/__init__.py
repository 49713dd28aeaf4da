"""One chart in the browser, drawn by Plotly from the figure of `core.charts`."""
