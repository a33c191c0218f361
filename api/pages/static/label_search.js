// Search over the issues: by name, by what belongs there, by pinyin in full, in initials or in any mixture.

import { vocabulary } from "./vocabulary.js";

const byId = (id) => document.getElementById(id);
const [search, list] = ["search", "found"].map(byId);

/** Whether the letters are beginnings of the syllables from one on: "posun", "pssl" and "pos" are all 破损撒漏. */
export function isPinyinOf(letters, syllables, from = 0) {
  if (letters === "") return true;
  if (from === syllables.length) return false;
  const syllable = syllables[from];
  for (let n = 1; n <= syllable.length && letters.startsWith(syllable.slice(0, n)); n += 1) {
    if (isPinyinOf(letters.slice(n), syllables, from + 1)) return true;
  }
  return false;
}

/** How well an issue fits what was typed: the smaller the better, null where it does not. */
function fit(issue, typed) {
  if (issue.name.startsWith(typed)) return 0;
  if (isPinyinOf(typed, issue.syllables)) return 1;
  if (issue.name.includes(typed)) return 2;
  if (issue.syllables.some((_, from) => isPinyinOf(typed, issue.syllables, from))) return 3;
  if (issue.code.includes(typed) || issue.group.includes(typed)) return 4;
  return issue.definition.includes(typed) ? 5 : null;
}

/** Issues that fit, the best first; all of them while nothing is typed. */
export function findIssues(words) {
  const typed = words.toLowerCase().replace(/[\s'’]/g, ""); // An input method shows po'sun while one types.
  return vocabulary.issues
    .map((issue) => ({ issue, rank: fit(issue, typed) }))
    .filter(({ rank }) => rank !== null)
    .toSorted((a, b) => a.rank - b.rank)
    .map(({ issue }) => issue);
}

/** Start the search box. `onChosen` is called with an issue's code. */
export function openSearch(onChosen) {
  let active = 0;

  function show() {
    const found = findIssues(search.value);
    list.replaceChildren(...found.map((issue, place) => {
      const option = document.createElement("li");
      option.id = `found-${issue.code}`;
      option.role = "option";
      option.dataset.code = issue.code;
      const name = Object.assign(document.createElement("strong"), { textContent: issue.name });
      const about = Object.assign(document.createElement("span"), { textContent: issue.definition || issue.group });
      option.append(name, about);
      option.setAttribute("aria-selected", String(place === 0));
      return option;
    }));
    if (found.length === 0) {
      const none = Object.assign(document.createElement("li"), { className: "none", textContent: "没有这样的问题类型" });
      none.role = "option";
      none.ariaDisabled = "true";
      list.append(none);
    }
    list.hidden = false;
    search.setAttribute("aria-expanded", "true");
    list.scrollTop = 0;
    select(0);
  }

  function hide() {
    list.hidden = true;
    search.setAttribute("aria-expanded", "false");
    search.removeAttribute("aria-activedescendant");
  }

  function select(place) {
    const options = [...list.querySelectorAll("[data-code]")];
    if (options.length === 0) return search.removeAttribute("aria-activedescendant");
    active = (place + options.length) % options.length;
    for (const [i, option] of options.entries()) option.setAttribute("aria-selected", String(i === active));
    options[active].scrollIntoView({ block: "nearest" });
    search.setAttribute("aria-activedescendant", options[active].id);
  }

  function choose(option) {
    search.value = "";
    search.blur();
    onChosen(option.dataset.code);
  }

  search.addEventListener("focus", show);
  search.addEventListener("input", show);
  search.addEventListener("blur", hide);
  search.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown") select(active + 1);
    else if (event.key === "ArrowUp") select(active - 1);
    else if (event.key === "Escape") {
      search.value = "";
      search.blur();
    } else if (event.key === "Enter") {
      const option = list.querySelector('[aria-selected="true"]');
      if (option) choose(option);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  list.addEventListener("pointerdown", (event) => event.preventDefault()); // The box keeps the focus, the list stays.
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[data-code]");
    if (option) choose(option);
  });
}
