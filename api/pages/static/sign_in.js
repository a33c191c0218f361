// The sign-in form: shows the key once, then goes on to where the person wanted.

import { ApiError, post } from "./api.js";

const UNAUTHORIZED = 401;
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
    const wanted = form.dataset.next;
    if ((await fetch(wanted, { headers: { Accept: "application/json" } })).status !== UNAUTHORIZED) {
      location.replace(wanted);
      return;
    }
    problem.textContent = "浏览器没有保留登录。请用 https 打开；在客服系统里用时，请在浏览器里允许这里的 Cookie。";
    button.disabled = false;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const isWrong = error.status === UNAUTHORIZED || error.status === 422;
    problem.textContent = isWrong ? "密钥不对，或已被吊销。请核对后再试。" : error.told;
    button.disabled = false;
    form.elements.key.select();
  }
});
