// Fetches plotly.js from the lab's own server, once a page. It stands before the script that uses it.

let library;

function loadPlotly(address) {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  library ??= new Promise((resolve, reject) => {
    // The head of the page, or another component, may have asked for it already.
    const script = document.head.querySelector(`script[src="${address}"]`) ?? document.createElement("script");
    script.addEventListener("load", () => resolve(window.Plotly));
    script.addEventListener("error", () => {
      library = undefined; // The next update tries again.
      script.remove();
      reject(new Error("plotly.js could not be loaded"));
    });
    if (!script.isConnected) {
      script.src = address;
      document.head.append(script);
    }
  });
  return library;
}

