// What a help desk does around <shouhou-panel>: tells it the conversation, takes the reply that the agent chose.

const BUYERS = [
  {
    lines: [{ role: "buyer", text: "老板，收到的饼干有两袋涨袋了，还能吃吗" }],
    context: { platform: "tmall", product_line: "biscuit", order_status: "signed", package_count: 2 },
  },
  {
    lines: [
      { role: "buyer", text: "在吗" },
      { role: "agent", text: "在的亲，您说" },
      { role: "buyer", text: "都三天了物流一动不动，什么时候能到😡" },
    ],
    context: { platform: "pdd", order_status: "shipped" },
  },
];

const panel = document.querySelector("shouhou-panel");
const list = document.getElementById("said");
const words = document.getElementById("words");
let buyer = BUYERS[0];

function show() {
  const items = buyer.lines.map((line) => {
    const item = document.createElement("li");
    item.className = line.role;
    item.textContent = line.text;
    return item;
  });
  list.replaceChildren(...items);
  const last = buyer.lines.findLastIndex((line) => line.role === "buyer");
  panel.message = buyer.lines[last].text;
  panel.conversation = buyer.lines.slice(0, last);
  panel.context = buyer.context;
}

panel.addEventListener("reply-chosen", (event) => {
  words.value = event.detail.text;
  words.focus();
});
for (const button of document.querySelectorAll("[data-buyer]")) {
  button.addEventListener("click", () => {
    buyer = BUYERS[Number(button.dataset.buyer)];
    show();
  });
}
document.getElementById("say").addEventListener("submit", (event) => {
  event.preventDefault();
  if (words.value.trim() === "") return;
  buyer.lines.push({ role: event.submitter.value, text: words.value });
  words.value = "";
  if (event.submitter.value === "buyer") show();
  else list.append(Object.assign(document.createElement("li"), { className: "agent", textContent: buyer.lines.at(-1).text }));
});
show();
