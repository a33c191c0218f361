// The facts of the case: reads the form into the request's context, and fills it from a context.

import { keep, readKept } from "./storage.js";

const form = document.getElementById("case");
const fields = [...form.querySelectorAll("[data-field]")];
const toggle = document.getElementById("context-toggle");
const REMEMBERED = "shouhou-remembered";
const MINUTE = 60_000;

/** What is known; fields with a wrong value are marked by the browser and left out. */
export function readContext() {
  const context = {};
  for (const field of fields) {
    const value = readValue(field);
    if (value !== null) context[field.dataset.field] = value;
  }
  return context;
}

/** Fill in what the form has a control and a value for; the rest is left as it is. */
export function writeContext(context) {
  for (const field of fields) {
    const value = context[field.dataset.field];
    if (value !== undefined && value !== null) writeValue(field, value);
  }
  tellChosen();
}

/** A new buyer: forget all but what is the same for every buyer of this agent. */
export function clearContext() {
  for (const field of fields) if (!("remembered" in field.dataset)) writeValue(field, "");
  tellChosen();
}

/** Bring a control into view and go there. */
export function goToField(code) {
  const field = fields.find((candidate) => candidate.dataset.field === code);
  setOpen(true);
  const more = field.closest("details");
  if (more) more.open = true;
  const control = field.querySelector("input:checked, select, input");
  field.scrollIntoView({ block: "nearest" });
  control.focus();
}

/** The name of a field, for messages about it. */
export function nameOfField(code) {
  const field = fields.find((candidate) => candidate.dataset.field === code);
  return field?.querySelector("legend, label").textContent;
}

function controlOf(field) {
  return field.querySelector("select, input:not([type=radio])");
}

function readValue(field) {
  if (field.classList.contains("chips")) {
    const { value } = field.querySelector("input:checked");
    if (value === "") return null;
    return value === "true" || value === "false" ? value === "true" : value;
  }
  const control = controlOf(field);
  if (control.value === "" || !control.validity.valid) return null;
  if (control.type === "number") return control.step === "1" ? Number(control.value) : Number(control.value).toFixed(2);
  if (control.type === "datetime-local") return new Date(control.value).toISOString();
  return control.value.trim() || null;
}

function writeValue(field, value) {
  if (field.classList.contains("chips")) {
    const radio = [...field.querySelectorAll("input")].find((input) => input.value === String(value));
    if (radio) radio.checked = true;
    return;
  }
  const control = controlOf(field);
  control.value = control.type === "datetime-local" && value !== "" ? localTime(value) : String(value);
}

function localTime(value) {
  const time = new Date(value);
  if (Number.isNaN(time.valueOf())) return "";
  return new Date(time - time.getTimezoneOffset() * MINUTE).toISOString().slice(0, 16);
}

/** The choices in one line, for the folded form. */
function tellChosen() {
  const words = fields.filter((field) => readValue(field) !== null).map((field) => {
    if (field.classList.contains("chips")) {
      const name = field.querySelector("input:checked + span").textContent;
      return name === "是" || name === "否" || name === "未发" ? `${field.querySelector("legend").textContent}${name}` : name;
    }
    const control = controlOf(field);
    if (control.tagName === "SELECT") return control.selectedOptions[0].textContent;
    return `${field.querySelector("label").textContent} ${control.value.replace("T", " ")}`;
  });
  document.getElementById("chosen").textContent = words.length ? words.join(" · ") : "不明";
}

function setOpen(isOpen) {
  toggle.setAttribute("aria-expanded", String(isOpen));
}

function remember() {
  const same = fields.filter((field) => "remembered" in field.dataset);
  keep("localStorage", REMEMBERED, Object.fromEntries(same.map((field) => [field.dataset.field, readValue(field)])));
}

toggle.addEventListener("click", () => setOpen(toggle.getAttribute("aria-expanded") !== "true"));
form.addEventListener("change", (event) => {
  const field = event.target.closest("[data-field]");
  if (field === null) return;
  tellChosen();
  if ("remembered" in field.dataset) remember();
});
writeContext(readKept("localStorage", REMEMBERED) ?? {});
