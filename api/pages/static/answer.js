// Shows a recommendation: the judgement, compensation, freight, what is to be done. Replies are in replies.js.

import { countdown } from "./countdown.js";
import { showEvidence } from "./evidence.js";
import { vocabulary } from "./vocabulary.js";

const LEAST_CONFIDENCE = 0.01;
const MOST_ALTERNATIVES = 2;

const byId = (id) => document.getElementById(id);
const part = (box, name) => box.querySelector(`[data-part="${name}"]`);
const percent = (confidence) => `${Math.min(Math.round(confidence * 100), 99)}%`; // Nothing is certain.

/** Fill in everything but the replies. `onQuestion(field)` is called when the agent wants to answer a question. */
export function showAnswer(answer, message, onQuestion) {
  showReview(answer.review);
  showEvidence(byId("evidence"), message, answer.issue.evidence);
  showFacts(answer.facts);
  showIssue(answer.issue);
  showCustomer(answer.customer);
  byId("stage").textContent = vocabulary.stages[answer.stage] ?? "";
  showCompensation(answer.compensation, onQuestion);
  showFreight(answer.freight);
  showSteps(answer.next_steps);
  showList(byId("evidence-needed"), answer.evidence_needed);
  showList(byId("procedure"), answer.procedure);
}

/** The answer in one sentence, for those who listen. */
export function inOneSentence(answer) {
  const { issue, customer, review, replies, compensation } = answer;
  const words = [`${issue.name}，把握${percent(issue.confidence)}`, customer.name, `${replies.length} 条回复`];
  if (review.needed) words.unshift("请人工判断");
  if (compensation) words.push(`${vocabulary.remedies[compensation.remedy]}${amountWords(compensation)}`);
  return words.join("，");
}

function showReview(review) {
  byId("review").hidden = !review.needed;
  byId("review-reasons").replaceChildren(...review.reasons.map((reason) => element("li", reason)));
}

function showFacts(facts) {
  const chips = facts.map((fact) => {
    const chip = element("li", vocabulary.facts[fact.name] ?? fact.name);
    chip.append(element("q", fact.text));
    return chip;
  });
  byId("facts").replaceChildren(...chips);
  byId("facts").hidden = chips.length === 0;
}

function showIssue(issue) {
  const box = byId("issue");
  part(box, "group").textContent = vocabulary.groups[issue.group] ?? "";
  showLabel(box, issue);
  const also = issue.also.map((label) => label.name).join("、");
  part(box, "others").textContent = [also && `还提到：${also}`, otherLabels(issue)].filter(Boolean).join("；");
}

function showCustomer(customer) {
  const box = byId("customer");
  showLabel(box, customer);
  part(box, "others").textContent = otherLabels(customer);
  part(box, "handling").replaceChildren(...customer.handling.map((step) => element("li", step)));
}

function showLabel(box, label) {
  part(box, "name").textContent = label.name;
  part(box, "percent").textContent = percent(label.confidence);
  const meter = box.querySelector(".meter");
  meter.setAttribute("aria-valuenow", Math.round(label.confidence * 100));
  meter.firstElementChild.style.inlineSize = percent(label.confidence);
}

/** What else it may be, unless that is all but ruled out or stands there as one more matter (`also`) already. */
function otherLabels({ alternatives, also = [] }) {
  const named = new Set(also.map((label) => label.code));
  const likely = alternatives
    .filter((label) => label.confidence >= LEAST_CONFIDENCE && !named.has(label.code))
    .slice(0, MOST_ALTERNATIVES);
  return likely.length ? `也可能：${likely.map((label) => `${label.name} ${percent(label.confidence)}`).join("、")}` : "";
}

function showCompensation(compensation, onQuestion) {
  const box = document.querySelector(".compensation");
  part(box, "none").hidden = compensation !== null;
  part(box, "suggested").hidden = compensation === null;
  if (compensation === null) return;
  part(box, "remedy").textContent = vocabulary.remedies[compensation.remedy];
  part(box, "amount").textContent = amountWords(compensation);
  const others = compensation.alternatives.map((remedy) => vocabulary.remedies[remedy]);
  part(box, "alternatives").textContent = others.length ? `看情况也可以：${others.join("、")}` : "";
  part(box, "approval").hidden = !compensation.requires_approval;
  const ask = part(box, "ask");
  ask.hidden = compensation.ask.length === 0;
  ask.querySelector("ul").replaceChildren(...compensation.ask.map((words) => question(words, onQuestion)));
  part(box, "statutory").textContent = compensation.statutory ?? "";
  part(box, "basis").replaceChildren(...compensation.basis.map(basis));
}

function amountWords({ min, max }) {
  if (min === null) return "";
  if (Number(max) === 0) return "不补现金";
  return min === max ? `${min} 元` : `${min}–${max} 元`;
}

/** A question that the form can answer leads to its control. */
function question(words, onQuestion) {
  const field = vocabulary.fieldOfQuestion[words];
  const item = element("li", "");
  if (document.querySelector(`[data-field="${field}"]`) === null) {
    item.textContent = words;
    return item;
  }
  const button = element("button", words, "quiet");
  button.type = "button";
  button.title = "去填";
  button.addEventListener("click", () => onQuestion(field));
  item.append(button);
  return item;
}

function showFreight(freight) {
  const box = byId("freight");
  box.hidden = freight === null;
  if (freight === null) return;
  part(box, "outbound").textContent = vocabulary.payers[freight.outbound ?? ""];
  part(box, "return").textContent = vocabulary.payers[freight.return ?? ""];
  part(box, "basis").replaceChildren(...freight.basis.map(basis));
}

function basis({ rule, source }) {
  const item = element("li", "");
  const link = element("a", rule);
  link.href = `/playbook#${encodeURIComponent(rule)}`;
  link.target = "_blank";
  item.append(link, ` ${source}`);
  return item;
}

function showSteps(steps) {
  const box = byId("steps");
  box.hidden = steps.length === 0;
  const items = steps.map(({ step, due_at: dueAt, rule }) => {
    const item = element("li", "");
    item.dataset.rule = rule;
    item.append(element("span", step));
    if (dueAt !== null) item.append(countdown(dueAt));
    return item;
  });
  box.querySelector("ul").replaceChildren(...items);
}

function showList(box, lines) {
  box.hidden = lines.length === 0;
  box.lastElementChild.replaceChildren(...lines.map((line) => element("li", line)));
}

function element(name, text, className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}
