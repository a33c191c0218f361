// The label queue: one message at a time, one key a label.

import { ApiError, post, signInAddress } from "./api.js";
import { showEvidence } from "./evidence.js";
import { openSearch } from "./label_search.js";
import { vocabulary } from "./vocabulary.js";

const MAX_DONE = 50;
const SHOWN_DONE = 8;
const byId = (id) => document.getElementById(id);
const [form, search, dialog] = ["labelling", "search", "keys"].map(byId);
const buttons = [...byId("suggestions").querySelectorAll("button")];
const radios = [...form.querySelectorAll('[name="customer"]')];
const nameOf = Object.fromEntries(vocabulary.issues.map((issue) => [issue.code, issue.name]));
const definitionOf = Object.fromEntries(vocabulary.issues.map((issue) => [issue.code, issue.definition]));
const saidAt = new Intl.DateTimeFormat("zh-CN", { dateStyle: "medium", timeStyle: "short", timeZone: "Asia/Shanghai" });

const page = remembered("shouhou-review-page", randomHex);
const doneKey = `shouhou-review-done:${vocabulary.person}`; // Whoever signs in next in this tab has a list of his own.
let done = JSON.parse(sessionStorage.getItem(doneKey) ?? "[]"); // {id, version, text, label | null}, the last one last
let message = null; // as on the screen
let several = false; // whether a choice is added to the others, and not saved at once
let picked = []; // codes, the issue to solve first before the others
let isBusy = false;
let again = null; // what did not work

function remembered(key, make) {
  const value = sessionStorage.getItem(key) ?? make();
  sessionStorage.setItem(key, value);
  return value;
}

function randomHex() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Ask the service for one thing; the message on the screen stays until it has answered.
 * @param onTurn called with the answer before the next message is shown; what it returns is told
 */
async function turn(action, body, onTurn) {
  if (isBusy) return;
  isBusy = true;
  form.setAttribute("aria-busy", "true");
  try {
    const answer = await post(`/review/${action}`, { page, ...body });
    again = null;
    tell(...onTurn(answer));
    show(answer.message, answer.today);
    showToday(answer.today);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    again = () => turn(action, body, onTurn);
    const stays = action === "next" ? "" : "这一步还没有存下来，什么都没丢。";
    tell("wrong", error.told + stays);
    byId("retry").hidden = error.status === 401;
    byId("sign-in-again").hidden = error.status !== 401;
    byId("sign-in-again").href = signInAddress();
  } finally {
    isBusy = false;
    form.removeAttribute("aria-busy");
  }
}

function next() {
  turn("next", {}, () => ["", "按数字选问题类型，就存下来，到下一条。"]);
}

function save(issue, secondary) {
  const { id, version, text } = message;
  const customer = radios.find((radio) => radio.checked).value;
  turn("decide", { id, version, issue, secondary, customer }, (answer) => {
    if (answer.done === null) return conflictWords(answer.conflict);
    remember({ id, version: answer.done.version, text, label: answer.done.label });
    return ["fine", `已标：${labelWords(answer.done.label)}`];
  });
}

function skip() {
  if (message === null) return;
  const { id, version, text } = message;
  turn("skip", { id, version }, (answer) => {
    if (answer.done === null) return conflictWords(answer.conflict);
    remember({ id, version: answer.done.version, text, label: null });
    return ["fine", "已跳过"];
  });
}

function undo(entry = done.at(-1)) {
  if (entry === undefined) {
    tell("", "没有可以撤销的。");
    return;
  }
  turn("undo", { id: entry.id, version: entry.version }, (answer) => {
    done = done.filter(({ id }) => id !== entry.id);
    showDone();
    if (answer.done === null) {
      const [, words] = conflictWords(answer.conflict);
      return ["warn", `撤不回了。${words}`];
    }
    // The message comes again as it was labelled.
    if (entry.label !== null) {
      const { issue, secondary, customer } = entry.label;
      answer.message.customer = customer;
      if (secondary.length > 0) answer.message.picked = [issue, ...secondary];
    }
    return ["fine", entry.label === null ? "撤销了跳过" : `撤销了：${labelWords(entry.label)}`];
  });
}

function conflictWords(conflict) {
  if (conflict === null) return ["warn", "这条已经不在队列里了，看下一条。"];
  const who = conflict.by === vocabulary.person ? "你在另一个窗口" : conflict.by;
  if (conflict.status === "skipped") return ["warn", `这条刚被${who}跳过了，没有改动。`];
  if (conflict.status === "waiting") return ["warn", "这条刚被撤销过，要重新看一遍。"];
  const written = conflict.status === "written" ? "，已写进训练数据" : "";
  return ["warn", `这条刚被${who}标过：${labelWords(conflict.label)}${written}。保留了原来的。`];
}

function labelWords({ issue, secondary, customer }) {
  const issues = [issue, ...secondary].map((code) => nameOf[code] ?? code).join("＋");
  return `${issues} · ${vocabulary.customers[customer] ?? customer}`;
}

function tell(kind, words) {
  byId("notice").className = `notice ${kind}`;
  byId("notice-words").textContent = words;
  byId("retry").hidden = true;
  byId("sign-in-again").hidden = true;
}

function show(shown, today) {
  message = shown;
  form.hidden = message === null;
  byId("nothing").hidden = message !== null;
  byId("skip").disabled = message === null;
  if (message === null) {
    showNothing(today);
    return;
  }
  byId("reason").textContent = message.reason ?? "";
  byId("origin").textContent = `${message.origin} ${message.source === "feedback" ? "" : message.source}`;
  byId("said-at").textContent = message.said_at === null ? "" : saidAt.format(new Date(message.said_at));
  showEvidence(byId("text"), message.text, message.evidence);
  byId("text").scrollTop = 0;
  for (const radio of radios) radio.checked = radio.value === message.customer;
  for (const [place, button] of buttons.entries()) {
    const suggestion = message.suggestions[place];
    button.parentElement.hidden = suggestion === undefined;
    if (suggestion === undefined) continue;
    const { issue, secondary, voice, confidence } = suggestion;
    button.querySelector("strong").textContent = [issue, ...secondary].map((code) => nameOf[code]).join("＋");
    button.querySelector(".definition").textContent = secondary.length === 0 ? definitionOf[issue] : "";
    const isModel = voice === "模型";
    const share = confidence === null ? "" : percent(confidence);
    button.querySelector(".voice").textContent = isModel ? share : voice;
    button.querySelector(".voice").classList.toggle("said", !isModel);
  }
  pick(message.picked ?? []);
  setSeveral(picked.length > 0);
}

function percent(share) {
  return share < 0.01 ? "<1%" : `${Math.round(share * 100)}%`;
}

function showNothing(today) {
  const others = today.waiting;
  byId("nothing-title").textContent = others > 0 ? `剩下的 ${others} 条正在别的窗口里标` : "队列里没有要标的了";
  byId("how-to-wait").hidden = others === 0;
  byId("how-to-fill").hidden = others > 0;
  byId("how-to-write").hidden = today.labelled === 0;
  byId("labelled").textContent = today.labelled;
}

function showToday({ waiting, skipped, people }) {
  const { [vocabulary.person]: mine = 0, ...others } = people;
  byId("mine").textContent = mine;
  byId("progress").value = mine;
  byId("others").textContent = Object.entries(others).map(([who, n]) => `${who} ${n} 条`).join("，");
  byId("queue").textContent = `还有 ${waiting} 条等人标${skipped > 0 ? `，跳过的 ${skipped} 条` : ""}`;
}

function remember(entry) {
  done = [...done.filter(({ id }) => id !== entry.id), entry].slice(-MAX_DONE);
  showDone();
}

function showDone() {
  sessionStorage.setItem(doneKey, JSON.stringify(done));
  byId("none-done").hidden = done.length > 0;
  byId("undo").disabled = done.length === 0;
  byId("done").replaceChildren(...done.slice(-SHOWN_DONE).reverse().map((entry) => {
    const item = document.createElement("li");
    const label = entry.label === null ? "跳过" : labelWords(entry.label);
    const words = document.createElement("div");
    words.append(
      Object.assign(document.createElement("span"), { className: "label", textContent: label }),
      Object.assign(document.createElement("span"), { className: "text", textContent: entry.text, title: entry.text }),
    );
    const button = Object.assign(document.createElement("button"), { type: "button", className: "quiet", textContent: "撤销" });
    button.ariaLabel = `撤销：${label}`;
    button.addEventListener("click", () => undo(entry));
    item.append(words, button);
    return item;
  }));
}

/** Take a choice: save it, or add it to the others (take it away, if it is among them). */
function choose(issue, secondary) {
  if (message === null || isBusy) return;
  if (!several) {
    save(issue, secondary);
    return;
  }
  const codes = [issue, ...secondary];
  const isAll = codes.every((code) => picked.includes(code));
  const rest = isAll ? picked.filter((code) => !codes.includes(code)) : [...new Set([...picked, ...codes])];
  if (rest.length > vocabulary.maxSecondary + 1) tell("warn", `最多 ${vocabulary.maxSecondary + 1} 个：主要问题和 ${vocabulary.maxSecondary} 个次要问题。`);
  else pick(rest);
}

function pick(codes) {
  picked = codes;
  byId("picked").replaceChildren(...picked.map((code, place) => {
    const item = document.createElement("li");
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: `${nameOf[code]} ×` });
    button.ariaLabel = `${place === 0 ? "主要问题" : "次要问题"} ${nameOf[code]}，去掉`;
    button.addEventListener("click", () => choose(code, []));
    item.append(button);
    return item;
  }));
  for (const [place, button] of buttons.entries()) {
    const suggestion = message?.suggestions[place];
    const isPicked = suggestion && [suggestion.issue, ...suggestion.secondary].every((code) => picked.includes(code));
    button.classList.toggle("chosen", Boolean(isPicked));
  }
  showHow();
}

function setSeveral(on) {
  several = on;
  byId("several").setAttribute("aria-pressed", String(on));
  showHow();
}

function showHow() {
  byId("save").hidden = !several;
  byId("save").disabled = picked.length === 0;
  byId("how").textContent = several
    ? (picked.length === 0 ? "先选主要问题，再选次要的" : "")
    : "选一个就保存；有两三个问题先按 M";
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (message === null || isBusy) return;
  if (picked.length > 0) save(picked[0], picked.slice(1));
  else tell("", "先选问题类型：按数字，或按 / 搜索。");
});
for (const [place, button] of buttons.entries()) {
  button.addEventListener("click", () => {
    const { issue, secondary } = message.suggestions[place];
    choose(issue, secondary);
  });
}
byId("several").addEventListener("click", toggleSeveral);
byId("skip").addEventListener("click", skip);
byId("undo").addEventListener("click", () => undo());
byId("help").addEventListener("click", () => dialog.showModal());
byId("retry").addEventListener("click", () => again?.());
byId("look-again").addEventListener("click", next);
// A button that was clicked keeps no focus, so that Enter saves and does not click it again.
document.addEventListener("click", (event) => {
  if (event.detail > 0) event.target.closest("button")?.blur();
});
openSearch((code) => choose(code, []));

function toggleSeveral() {
  pick([]);
  setSeveral(!several);
}

const KEYS = {
  KeyS: skip,
  KeyU: () => undo(),
  KeyM: () => message !== null && toggleSeveral(),
  Slash: () => message !== null && search.focus(),
  Escape: () => several && toggleSeveral(),
  Enter: () => (again ? again() : message === null ? next() : form.requestSubmit()),
  NumpadEnter: () => KEYS.Enter(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  if ((event.key === "?" || event.key === "？") && event.target !== search) {
    if (dialog.open) dialog.close();
    else dialog.showModal();
    event.preventDefault();
    return;
  }
  if (dialog.open || event.target === search) return;
  // By the place of the key: an input method that is on hides what it types.
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1];
  if (digit !== undefined) {
    if (event.repeat) return; // A key that is held down labels one message, not ten.
    if (event.shiftKey) radios[digit - 1]?.click();
    else buttons[digit - 1].parentElement.hidden || buttons[digit - 1].click();
  } else if (!event.shiftKey && event.code in KEYS && !event.repeat) {
    if (event.code.endsWith("Enter") && event.target.closest("button, a, summary")) return;
    KEYS[event.code]();
  } else {
    return;
  }
  event.preventDefault();
});

showDone();
byId("skip").disabled = true;
next();
