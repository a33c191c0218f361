// The panel as a Dashboard App of Chatwoot: https://www.chatwoot.com/hc/user-guide/articles/1677691702-how-to-use-dashboard-apps
// Chatwoot posts the conversation when the frame is loaded, and again whenever it is asked to.

import { openPanel } from "./panel.js";

const FETCH_INFO = "chatwoot-dashboard-app:fetch-info";
const REFRESH_MS = 3_000; // Chatwoot tells nothing by itself of a message that comes in later.
const [INCOMING, OUTGOING] = [0, 1]; // message_type; the others are Chatwoot's own lines
const MAX_LINES = 2_000;

const hosts = JSON.parse(document.getElementById("hosts").textContent);
const panel = openPanel({ canContinue: false });
let chatwoot = null;
let shownCase = "";
let shownConversation = null;

window.addEventListener("message", ({ source, origin, data }) => {
  if (source !== window.parent || !hosts.includes(origin)) return;
  const context = readAppContext(data);
  if (context === null) return;
  chatwoot = origin;
  if (context.theme === "dark" || context.theme === "light") document.documentElement.style.colorScheme = context.theme;
  show(context);
});

setInterval(() => {
  if (chatwoot !== null && !document.hidden) window.parent.postMessage(FETCH_INFO, chatwoot);
}, REFRESH_MS);

/** The data of Chatwoot's event, which comes as JSON in a string; null for anything else. */
function readAppContext(data) {
  if (typeof data !== "string") return null;
  try {
    const { event, data: context } = JSON.parse(data);
    return event === "appContext" && Array.isArray(context?.conversation?.messages) ? context : null;
  } catch {
    return null;
  }
}

/** Show the conversation, unless it is shown already: what the agent has edited since stays. */
function show({ conversation, contact }) {
  const said = conversation.messages
    .filter((line) => !line.private && [INCOMING, OUTGOING].includes(line.message_type))
    .map((line) => ({
      role: line.message_type === INCOMING ? "buyer" : "agent",
      text: line.content ?? "",
      hasPicture: (line.attachments ?? []).some((attachment) => attachment.file_type === "image"),
    }));
  const context = { ...contact?.custom_attributes, ...conversation.custom_attributes };
  if (said.some((line) => line.role === "buyer" && line.hasPicture)) context.photo ??= "provided";
  const lines = said.filter((line) => line.text.trim() !== "").map(({ role, text }) => ({ role, text }));
  const told = { ...lastWords(lines), context };
  const fingerprint = JSON.stringify([conversation.id, told]);
  if (fingerprint === shownCase) return;
  shownCase = fingerprint;
  panel.setCase(told, { isNewBuyer: conversation.id !== shownConversation });
  shownConversation = conversation.id;
}

/** What the buyer said since the agent's last word is one message: buyers send it in pieces. */
function lastWords(lines) {
  const last = lines.findLastIndex((line) => line.role === "buyer");
  if (last === -1) return { message: "", conversation: lines };
  const first = lines.slice(0, last).findLastIndex((line) => line.role === "agent") + 1;
  const words = lines.slice(first, last + 1).map((line) => line.text).join("\n");
  return { message: Array.from(words).slice(-MAX_LINES).join(""), conversation: lines.slice(0, first) };
}
