// The ranked replies: edit in place, copy, use. What is used is told to the service as feedback.

import { ApiError, post } from "./api.js";

const CHECK_AFTER_MS = 300;
const list = document.getElementById("replies");
const template = document.getElementById("reply");
const keys = new Map();

/** Tell the service what was done; said again after a failure, it is kept once. */
export async function tell(feedback) {
  const body = JSON.stringify(feedback);
  if (!keys.has(body)) keys.set(body, crypto.randomUUID());
  await post("/v1/feedback", feedback, { headers: { "Idempotency-Key": keys.get(body) } });
  keys.delete(body);
}

/** Run what tells the service something, with the outcome in words beside the button. */
export async function withWords(output, doing, done) {
  output.classList.remove("problem");
  try {
    await doing();
    output.textContent = done;
    return true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    output.classList.add("problem");
    output.textContent = error.told;
    return false;
  }
}

/**
 * Show the replies. Those that the agent has edited keep their edits while the message stays the same.
 * @param onChosen called with the reply that was used: {text, templateId, recommendationId}; may answer in words
 * @param onContinue called with the text that was used, when the buyer has answered it
 */
export function showReplies(answer, { keepEdits, onChosen, onContinue }) {
  const edited = keepEdits ? editedTexts() : new Map();
  list.replaceChildren(...answer.replies.map((reply, i) => replyItem(answer.id, reply, i, edited, { onChosen, onContinue })));
}

/** Copy the nth reply; false when there is none. */
export function copyReply(place) {
  const item = list.children[place];
  item?.querySelector(".copy").click();
  return item !== undefined;
}

function editedTexts() {
  const boxes = [...list.querySelectorAll("textarea")].filter((box) => box.value !== box.defaultValue);
  return new Map(boxes.map((box) => [box.dataset.templateId, box.value]));
}

function replyItem(recommendationId, reply, place, edited, { onChosen, onContinue }) {
  const item = template.content.firstElementChild.cloneNode(true);
  const box = item.querySelector("textarea");
  const told = item.querySelector(".told");
  const restore = item.querySelector(".restore");
  box.defaultValue = reply.text;
  box.dataset.templateId = reply.template_id;
  box.setAttribute("aria-label", `第 ${place + 1} 条回复，可以改`);
  item.querySelector(".why").textContent = reply.why.join(" · ");

  const onEdit = () => {
    restore.hidden = box.value === box.defaultValue;
    told.textContent = "";
    checkSoon(item, box);
  };
  if (edited.has(reply.template_id)) {
    box.value = edited.get(reply.template_id);
    onEdit();
  }
  box.addEventListener("input", onEdit);
  restore.addEventListener("click", () => {
    box.value = box.defaultValue;
    onEdit();
    box.focus();
  });
  item.querySelector(".copy").addEventListener("click", async () => {
    told.classList.remove("problem");
    told.textContent = (await copy(box.value)) ? "已复制" : "复制不了，请手动选中";
  });
  item.querySelector(".use")?.addEventListener("click", async (event) => {
    const text = box.value.trim();
    if (text === "") return;
    const chosen = { text, templateId: reply.template_id, recommendationId };
    const words = onChosen?.(chosen) ?? ((await copy(text)) ? "已复制，已记下" : "已记下");
    const feedback = { recommendation_id: recommendationId, template_id: reply.template_id };
    if (text !== reply.text) feedback.edited_text = text;
    const button = event.currentTarget ?? item.querySelector(".use");
    button.disabled = true;
    const isTold = await withWords(told, () => tell(feedback), words);
    button.disabled = isTold && box.value.trim() === text;
    item.classList.toggle("used", isTold);
    const onward = item.querySelector(".continue");
    onward.hidden = !isTold || onContinue === undefined;
    onward.onclick = () => onContinue(text);
  });
  box.addEventListener("input", () => {
    const use = item.querySelector(".use");
    if (use) use.disabled = box.value.trim() === "";
  });
  return item;
}

const timers = new WeakMap();

function checkSoon(item, box) {
  clearTimeout(timers.get(item));
  timers.set(item, setTimeout(() => check(item, box), CHECK_AFTER_MS));
}

async function check(item, box) {
  const text = box.value;
  const shown = item.querySelector(".violations");
  if (text === box.defaultValue || text.trim() === "") {
    shown.replaceChildren();
    return;
  }
  try {
    const { violations } = await post("/v1/playbook/check", { text });
    if (box.value !== text) return;
    shown.replaceChildren(...violations.map((violation) => {
      const line = document.createElement("li");
      line.textContent = `“${violation.words}”：${violation.name}。${violation.instead}`;
      return line;
    }));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error; // The check is a help; without it the reply can be used all the same.
  }
}

/** To the clipboard; a frame may not write there directly, but may copy what is selected in it. */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const active = document.activeElement;
    const aside = document.createElement("textarea");
    aside.className = "unseen";
    aside.value = text;
    document.body.append(aside);
    aside.select();
    const isCopied = document.execCommand("copy");
    aside.remove();
    active?.focus();
    return isCopied;
  }
}
