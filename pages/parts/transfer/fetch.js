// Fetches a file that is ready once, by itself: the click that asked for it came before it was made.

const fetched = new Set();

export default function ({ data, parentElement }) {
  const link = parentElement.querySelector("a");
  if (!link) return;
  link.href = data.address;
  link.download = data.name;
  link.textContent = data.label;
  link.title = data.name;
  if (!data.fresh || fetched.has(data.address)) return;
  fetched.add(data.address);
  link.click();
}
