// What a page needs runs as soon as the program lets it: its parts right after the program itself, so that none of them
// is first loaded when an element of its kind has come, which the program draws a placeholder for and keeps for 300 ms;
// our own scripts once the page is connected, while the server runs it.

const { parts, scripts } = JSON.parse(document.getElementById("lab-preloads").textContent);

for (const part of parts) import(new URL(part, document.baseURI)).catch(() => {});

function run(address) {
  const script = document.createElement("script");
  script.src = address;
  script.onerror = () => script.remove(); // Whoever needs it asks for it again.
  document.head.append(script);
}

if (scripts.length) {
  const state = "data-test-connection-state";
  new MutationObserver((_, observer) => {
    if (!document.querySelector(`[${state}="CONNECTED"]`)) return;
    observer.disconnect();
    scripts.forEach(run);
  }).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: [state] });
}
