// The panel: message, conversation and context in; asks the service at once; shows the answer.

import { inOneSentence, showAnswer } from "./answer.js";
import { ApiError, post, signInAddress } from "./api.js";
import { countPoints } from "./code_points.js";
import { clearContext, goToField, nameOfField, readContext, writeContext } from "./context_form.js";
import { showReplies, takeReply, tell, withWords } from "./replies.js";
import { keep, readKept } from "./storage.js";
import { vocabulary } from "./vocabulary.js";

const TYPING_MS = 250; // Asks when the agent pauses; a paste asks at once.
const REPLIES = 3;
const DRAFT = "shouhou-draft";
const ROLES = { buyer: "买家", agent: "客服" };

const byId = (id) => document.getElementById(id);
const [form, message, turns, answerBox] = ["case", "message", "turns", "answer"].map(byId);

/**
 * Start the panel.
 * @param onReplyChosen called with {text, templateId, recommendationId}; what it returns is told instead of "copied"
 * @param canContinue whether the agent carries the conversation on here, and not in a help desk
 * @returns {{setCase: Function}}
 */
export function openPanel({ onReplyChosen, canContinue }) {
  let timer;
  let request = null;
  let shown = null; // {answer, message} as on the screen

  function askSoon(event) {
    clearTimeout(timer);
    if (event.isComposing) return;
    if (event.inputType === "insertFromPaste" || event.inputType === "insertFromDrop") ask(event.timeStamp);
    else timer = setTimeout(() => ask(), TYPING_MS);
  }

  async function ask(startedAt = performance.now()) {
    clearTimeout(timer);
    request?.abort();
    request = null;
    const asked = readCase();
    if (asked === null) return;
    request = new AbortController();
    const { signal } = request;
    answerBox.setAttribute("aria-busy", "true");
    try {
      const answer = await post("/v1/recommendations", asked, { signal });
      if (signal.aborted) return;
      show(answer, asked.message);
      requestAnimationFrame(() => setTimeout(() => performance.measure("shouhou-answer", { start: startedAt })));
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!(error instanceof ApiError)) throw error;
      fail(error);
    } finally {
      if (!signal.aborted) answerBox.removeAttribute("aria-busy");
    }
  }

  /** The request's body; null, with the reason told, when there is nothing to ask. */
  function readCase() {
    const words = message.value;
    const length = countPoints(words.trim());
    byId("message-problem").textContent =
      length > vocabulary.maxMessage ? `最多 ${vocabulary.maxMessage} 字，现在 ${length} 字，请删短。` : "";
    if (length === 0 || length > vocabulary.maxMessage) {
      showNothing();
      return null;
    }
    const history = readTurns().filter((turn) => turn.text.trim() !== "").slice(-vocabulary.maxHistory);
    return { message: words, history, context: readContext(), top_k: REPLIES };
  }

  function show(answer, words) {
    const isSameMessage = shown !== null && shown.message === words;
    const onContinue = canContinue ? (used) => continueWith(words, used) : undefined;
    showAnswer(answer, words, goToField);
    showReplies(answer, { isSameMessage, onChosen: onReplyChosen, onContinue });
    if (!isSameMessage) forgetJudgement();
    shown = { answer, message: words };
    present("answer");
    byId("announcement").textContent = inOneSentence(answer);
  }

  /** What the agent said of the last message does not hold for the next one. */
  function forgetJudgement() {
    for (const told of document.querySelectorAll(".correct .told, .result .told")) told.textContent = "";
    for (const select of document.querySelectorAll("[data-correct]")) select.value = "";
    byId("result")?.reset();
  }

  function fail(error) {
    shown = null;
    const wrong = error.problem?.errors?.[0]?.field.replace("context.", "");
    const name = wrong && nameOfField(wrong);
    byId("failure-words").textContent = name ? `“${name}”填得不对，请改一下。` : error.told;
    byId("retry").hidden = error.isSignedOut;
    const again = byId("sign-in-again");
    again.hidden = !error.isSignedOut;
    again.href = signInAddress();
    if (error.isSignedOut) {
      keep("sessionStorage", DRAFT, { message: message.value, conversation: readTurns(), context: readContext() });
    }
    present("failure");
    byId("announcement").textContent = byId("failure-words").textContent;
  }

  function showNothing() {
    shown = null;
    present("empty");
    byId("announcement").textContent = "";
  }

  function present(id) {
    for (const other of ["empty", "failure", "answer"]) byId(other).hidden = other !== id;
  }

  function clear() {
    request?.abort();
    message.value = "";
    turns.replaceChildren();
    clearContext();
    showNothing();
    byId("message-problem").textContent = "";
  }

  function continueWith(said, used) {
    addTurn("buyer", said);
    addTurn("agent", used);
    message.value = "";
    showNothing();
    message.focus();
  }

  /** Show a case that a help desk tells. What the agent knows of the order stays while it is the same buyer. */
  function setCase({ message: words, conversation, context }, { isNewBuyer }) {
    if (isNewBuyer) clearContext();
    turns.replaceChildren();
    for (const turn of conversation.slice(-vocabulary.maxHistory)) addTurn(turn.role, turn.text);
    writeContext(context);
    message.value = words;
    ask();
  }

  message.addEventListener("input", askSoon);
  message.addEventListener("compositionend", askSoon);
  turns.addEventListener("input", askSoon);
  byId("context-fields").addEventListener("input", askSoon);
  byId("retry").addEventListener("click", () => ask());
  byId("clear").addEventListener("click", () => {
    clear();
    message.focus();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask(event.timeStamp);
    if (message.value.trim() === "") {
      byId("message-problem").textContent = "先粘贴买家的消息。";
      message.focus();
    }
  });
  turns.addEventListener("click", (event) => {
    const turn = event.target.closest(".turn");
    if (event.target.matches(".role")) setRole(turn, turn.dataset.role === "buyer" ? "agent" : "buyer");
    else if (event.target.matches(".remove")) turn.remove();
    else return;
    ask();
  });
  for (const button of document.querySelectorAll("[data-add]")) {
    button.addEventListener("click", () => addTurn(button.dataset.add, "").querySelector("textarea").focus());
  }
  for (const select of document.querySelectorAll("[data-correct]")) {
    select.addEventListener("change", () => {
      if (select.value === "" || shown === null) return;
      const feedback = { recommendation_id: shown.answer.id, [select.dataset.correct]: select.value };
      withWords(select.closest(".correct").querySelector(".told"), () => tell(feedback), "已记下，谢谢");
    });
  }
  byId("result")?.addEventListener("submit", (event) => {
    event.preventDefault();
    const { amount_paid: amount, outcome } = event.target.elements;
    const output = event.target.querySelector(".told");
    if (shown === null) return;
    if (amount.value === "" && outcome.value === "") {
      output.textContent = "先填金额或结果";
      return;
    }
    const feedback = { recommendation_id: shown.answer.id };
    if (amount.value !== "") feedback.amount_paid = Number(amount.value).toFixed(2);
    if (outcome.value !== "") feedback.outcome = outcome.value;
    withWords(output, () => tell(feedback), "已记下");
  });
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter") {
      ask(event.timeStamp);
    } else if (event.altKey && event.code === "KeyM") {
      message.focus();
    } else if (event.altKey && event.code === "KeyR") {
      document.querySelector("#replies textarea")?.focus();
    } else if (event.altKey && event.code === "KeyN") {
      byId("clear").click();
    } else if (event.altKey && event.code.startsWith("Digit")) {
      takeReply(Number(event.code.slice("Digit".length)), { isUsed: event.shiftKey });
    } else {
      return;
    }
    event.preventDefault();
  });

  const draft = readKept("sessionStorage", DRAFT);
  if (draft !== null) {
    keep("sessionStorage", DRAFT, null);
    setCase(draft, { isNewBuyer: true });
  } else if (message.value !== "") {
    ask(); // Typed or pasted before this script was here.
  }
  return { setCase };
}

function readTurns() {
  return [...turns.children].map((turn) => ({ role: turn.dataset.role, text: turn.querySelector("textarea").value }));
}

function addTurn(role, text) {
  const turn = byId("turn").content.firstElementChild.cloneNode(true);
  setRole(turn, role);
  turn.querySelector("textarea").value = text;
  turns.append(turn);
  return turn;
}

function setRole(turn, role) {
  turn.dataset.role = role;
  turn.querySelector(".role").textContent = ROLES[role];
}
