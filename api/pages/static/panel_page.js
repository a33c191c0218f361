// The panel on a page of its own.

import { openPanel } from "./panel.js";

openPanel({ canContinue: true });
document.getElementById("message").focus();
