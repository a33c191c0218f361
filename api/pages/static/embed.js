// The panel in the frame of <shouhou-panel>. Its page tells the case and gets the reply that was chosen.
// Only pages of the configured help desks, and of this service, are listened to.

import { openPanel } from "./panel.js";

const hosts = [location.origin, ...JSON.parse(document.getElementById("hosts").textContent)];
let host = null;

const panel = openPanel({
  canContinue: false,
  onReplyChosen(reply) {
    if (host === null) return undefined;
    window.parent.postMessage({ type: "shouhou:reply-chosen", ...reply }, host);
    return "已填入，已记下";
  },
});

window.addEventListener("message", ({ source, origin, data }) => {
  if (source !== window.parent || !hosts.includes(origin) || data?.type !== "shouhou:case") return;
  host = origin;
  panel.setCase(data);
});
