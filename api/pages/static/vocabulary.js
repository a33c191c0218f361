// Names and limits that the server wrote into the page.

export const vocabulary = JSON.parse(document.getElementById("vocabulary").textContent);
