// The playbook: search in what the page holds, and the compliance check of a draft.

import { ApiError, post } from "./api.js";
import { cutAtMarks } from "./code_points.js";

const TYPING_MS = 250;
const byId = (id) => document.getElementById(id);
const [search, draft] = ["search", "draft"].map(byId);
const sections = [...document.querySelectorAll(".entries")].map((box) => ({
  box,
  title: box.querySelector("h2").firstChild.textContent,
  rows: [...box.querySelectorAll("tbody tr")].map((row) => ({ row, text: row.textContent.toLowerCase() })),
}));

function find() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const { box, title, rows } of sections) {
    let hits = 0;
    for (const { row, text } of rows) {
      row.hidden = !words.every((word) => text.includes(word) || title.includes(word));
      hits += row.hidden ? 0 : 1;
    }
    box.hidden = hits === 0;
    found += hits;
  }
  byId("found").textContent = words.length ? `找到 ${found} 条` : `共 ${found} 条`;
  byId("nothing").hidden = found > 0;
  const address = new URL(location.href);
  if (words.length) address.searchParams.set("q", search.value);
  else address.searchParams.delete("q");
  history.replaceState(null, "", address);
}

const emptyWords = byId("verdict-words").textContent;
let timer;
let request = null;

function checkSoon(event) {
  clearTimeout(timer);
  if (event.inputType === "insertFromPaste") check();
  else timer = setTimeout(check, TYPING_MS);
}

async function check() {
  request?.abort();
  request = new AbortController();
  const text = draft.value;
  if (text.trim() === "") {
    tell("", emptyWords, text, []);
    return;
  }
  try {
    const { violations } = await post("/v1/playbook/check", { text }, { signal: request.signal });
    if (violations.length) tell("wrong", `有 ${violations.length} 处不能这样说：`, text, violations);
    else tell("fine", "没有发现不能说的话。", text, []);
  } catch (error) {
    if (error.name === "AbortError") return;
    if (!(error instanceof ApiError)) throw error;
    tell("wrong", error.status === 422 ? "太长了，最多 2000 字。" : error.told, text, []);
  }
}

function tell(kind, words, text, violations) {
  byId("verdict").className = kind;
  byId("verdict-words").textContent = words;
  const marks = violations.toSorted((a, b) => a.start - b.start);
  byId("marked").hidden = marks.length === 0;
  byId("marked").replaceChildren(...cutAtMarks(text, marks).map(({ text: piece, mark }) => {
    if (mark === null) return document.createTextNode(piece);
    return Object.assign(document.createElement("mark"), { textContent: piece });
  }));
  byId("violations").replaceChildren(...violations.map((violation) => {
    const item = document.createElement("li");
    const rule = Object.assign(document.createElement("a"), { href: `#${violation.rule}`, textContent: violation.name });
    item.append(`“${violation.words}”：`, rule, `。${violation.instead}。`);
    return item;
  }));
}

search.addEventListener("input", find);
draft.addEventListener("input", checkSoon);
const wanted = new URL(location.href).searchParams.get("q");
if (wanted) {
  search.value = wanted;
  find();
}
