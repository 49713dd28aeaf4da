// Completes what is typed into the search, by the browser's own list: the names of fields, then their values.
const MOST = 40;

// The text before the last word, that word, and the field whose value it is to be, if there is one.
function split(text) {
  const [, before, field, sign, word] = /^(.*?)(?:([\w.[\]/-]+)\s*(<=|>=|!=|==|[<>=:])\s*)?([^\s<>=:!"]*)$/s.exec(text);
  return { start: text.slice(0, text.length - word.length), field: sign ? field.toLowerCase() : undefined, word, before };
}

function listChoices(text, { fields, values }) {
  if ((text.match(/"/g) ?? []).length % 2) return []; // Within a phrase there is nothing to complete.
  const { start, field, word } = split(text);
  const known = field === undefined ? fields : (values[field] ?? values[field.split(".").pop()] ?? []);
  const wanted = word.toLowerCase();
  if (field === undefined && !wanted) return [];
  const found = known.filter((each) => each.toLowerCase().includes(wanted) && each.toLowerCase() !== wanted);
  const begins = (each) => each.toLowerCase().startsWith(wanted);
  return [...found.filter(begins), ...found.filter((each) => !begins(each))]
    .slice(0, MOST)
    .map((each) => start + (/[\s<>=:!"]/.test(each) ? `"${each}"` : each) + (field === undefined ? " " : ""));
}

export default function ({ data, parentElement }) {
  const list = parentElement.querySelector("datalist");
  if (!list) return undefined;
  const show = ({ target }) => {
    if (!(target instanceof HTMLInputElement) || !target.closest(".st-key-q")) return;
    target.setAttribute("list", list.id);
    const choices = listChoices(target.value, data);
    if (choices.join("\n") === [...list.options].map((option) => option.value).join("\n")) return;
    list.replaceChildren(
      ...choices.map((choice) => {
        const option = document.createElement("option");
        option.value = choice;
        return option;
      }),
    );
  };
  document.addEventListener("input", show);
  document.addEventListener("focusin", show);
  return () => {
    document.removeEventListener("input", show);
    document.removeEventListener("focusin", show);
  };
}
