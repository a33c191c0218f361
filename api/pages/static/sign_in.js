// The sign-in form: shows the key once, then goes on to where the person wanted.

import { ApiError, post } from "./api.js";

const form = document.getElementById("sign-in");
const problem = document.getElementById("sign-in-problem");
const isFramed = window.self !== window.top;

document.getElementById("needs-https")?.toggleAttribute("hidden", window.isSecureContext);

if (!isFramed) form.elements.key?.focus(); // A frame must not take the focus from its help desk.
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  problem.textContent = "";
  try {
    await post("/sign-in", { key: form.elements.key.value, framed: isFramed });
    location.replace(form.dataset.next);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const isWrong = error.status === 401 || error.status === 422;
    problem.textContent = isWrong ? "密钥不对，或已被吊销。请核对后再试。" : error.told;
    button.disabled = false;
    form.elements.key.select();
  }
});
