// A message with the words marked that led the model to its issue.

import { cutAtMarks } from "./code_points.js";

const LEAST_SHARE = 0.06; // Evidence weaker than this part of the strongest is noise to the eye.
const STRONG_SHARE = 0.5;

/** Show a message in `box`. Evidence: {start, end, weight}, in code points. */
export function showEvidence(box, message, evidence) {
  const strongest = Math.max(...evidence.map((item) => item.weight), 0);
  const marks = evidence.filter((item) => item.weight >= strongest * LEAST_SHARE);
  box.replaceChildren(...cutAtMarks(message, marks).map(({ text, mark }) => {
    if (mark === null) return document.createTextNode(text);
    const className = mark.weight >= strongest * STRONG_SHARE ? "strong" : "";
    return Object.assign(document.createElement("mark"), { textContent: text, className });
  }));
}
