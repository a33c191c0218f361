// The panel in the frame of <shouhou-panel>. Its page tells the case and gets the reply that was chosen.
// Only pages of the configured help desks, and of this service, are listened to.

import { openPanel } from "./panel.js";

const hosts = [location.origin, ...JSON.parse(document.getElementById("hosts").textContent)];
let host = null;
let told = []; // a conversation that does not begin with these lines is another buyer's

const panel = openPanel({
  canContinue: false,
  onReplyChosen(reply) {
    if (host === null) return undefined;
    window.parent.postMessage({ type: "shouhou:reply-chosen", ...reply }, host);
    return "已填入";
  },
});

window.addEventListener("message", ({ source, origin, data }) => {
  if (source !== window.parent || !hosts.includes(origin) || data?.type !== "shouhou:case") return;
  host = origin;
  const { message, conversation, context } = data;
  const lines = [...conversation.map((turn) => turn.text), message];
  panel.setCase({ message, conversation, context }, { isNewBuyer: !told.every((line, i) => line === lines[i]) });
  told = lines;
});
