// What every page does: signing out.

import { post } from "./api.js";

document.getElementById("sign-out")?.addEventListener("click", async () => {
  try {
    await post("/sign-out", {});
  } finally {
    location.assign("/sign-in");
  }
});
