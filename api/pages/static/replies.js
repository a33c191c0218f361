// The ranked replies: edit in place, copy, use. What is used is told to the service as feedback.

import { ApiError, post } from "./api.js";

const CHECK_AFTER_MS = 300;
const FIRST_ANSWER = "due-first-answer"; // The rule of the playbook.
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

/** Run what tells the service something, with the outcome in words beside the button; `meanwhile`: what was done anyway. */
export async function withWords(output, doing, done, meanwhile = "") {
  output.classList.remove("problem");
  try {
    await doing();
    output.textContent = done;
    return true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    output.classList.add("problem");
    output.textContent = meanwhile + error.told;
    return false;
  }
}

/**
 * Show the replies. One that is on the screen already stays as it is, with the agent's edits and the cursor in it.
 * @param isSameMessage whether the replies on the screen are to the same message
 * @param onChosen called with the reply that was used: {text, templateId, recommendationId}; may answer in words
 * @param onContinue called with the text that was used, when the buyer has answered it
 */
export function showReplies(answer, { isSameMessage, onChosen, onContinue }) {
  const onScreen = new Map(isSameMessage ? [...list.children].map((item) => [item.dataset.templateId, item]) : []);
  const items = answer.replies.map((reply) => {
    const old = onScreen.get(reply.template_id);
    const isOld = old?.querySelector("textarea").defaultValue === reply.text;
    return isOld ? old : replyItem(reply, { onChosen, onContinue });
  });
  list.dataset.recommendationId = answer.id;
  items.forEach((item, i) => {
    item.querySelector("textarea").setAttribute("aria-label", `第 ${i + 1} 条回复，可以改`);
    item.querySelector(".why").textContent = answer.replies[i].why.join(" · ");
    if (list.children[i] !== item) list.insertBefore(item, list.children[i] ?? null);
  });
  while (list.children.length > items.length) list.lastElementChild.remove();
}

/** Copy the nth reply, counted from one, if there is one; `isUsed` tells the service, too. */
export function takeReply(number, { isUsed }) {
  list.children[number - 1]?.querySelector(isUsed ? ".use:not([hidden])" : ".copy")?.click();
}

function replyItem(reply, { onChosen, onContinue }) {
  const item = template.content.firstElementChild.cloneNode(true);
  const box = item.querySelector("textarea");
  const told = item.querySelector(".told");
  const restore = item.querySelector(".restore");
  item.dataset.templateId = reply.template_id;
  box.defaultValue = reply.text;
  const use = item.querySelector(".use");

  const onEdit = () => {
    restore.hidden = box.value === box.defaultValue;
    told.textContent = "";
    if (use) {
      use.hidden = false;
      use.disabled = box.value.trim() === "";
    }
    checkSoon(item, box);
  };
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
  use?.addEventListener("click", async () => {
    const text = box.value.trim();
    const { recommendationId } = list.dataset;
    const chosen = { text, templateId: reply.template_id, recommendationId };
    const hadFocus = document.activeElement === use;
    const taken = onChosen?.(chosen) ?? ((await copy(text)) ? "已复制" : "");
    const feedback = { recommendation_id: recommendationId, template_id: reply.template_id };
    if (text !== reply.text) feedback.edited_text = text;
    use.disabled = true;
    const done = taken ? `${taken}，已记下` : "已记下";
    const isTold = await withWords(told, () => tell(feedback), done, taken && `${taken}，没记下：`);
    use.disabled = false;
    use.hidden = isTold;
    // The buyer has the first answer: its clock stops.
    if (isTold) document.querySelector(`#steps [data-rule="${FIRST_ANSWER}"] time`)?.remove();
    item.classList.toggle("used", isTold);
    const onward = item.querySelector(".continue");
    onward.hidden = !isTold || onContinue === undefined;
    onward.onclick = () => onContinue(text);
    if (hadFocus) (isTold ? [onward, item.querySelector(".copy")].find((button) => !button.hidden) : use).focus();
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
