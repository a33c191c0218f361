// Due times that count down, one clock for all of them.

const SECOND = 1000;
const UNITS = [["天", 86400], ["小时", 3600], ["分", 60], ["秒", 1]];

/** A <time> that tells how long is left, or since when it is overdue. */
export function countdown(dueAt) {
  const time = document.createElement("time");
  time.dateTime = dueAt;
  time.className = "due";
  time.title = new Date(dueAt).toLocaleString("zh-CN");
  tell(time);
  return time;
}

function tell(time) {
  const left = Math.round((new Date(time.dateTime) - Date.now()) / SECOND);
  time.classList.toggle("overdue", left < 0);
  const words = left < 0 ? `已超 ${span(-left)}` : `剩 ${span(left)}`;
  if (time.textContent !== words) time.textContent = words;
}

/** The two largest units: 2 天 3 小时. */
function span(seconds) {
  const first = UNITS.findIndex(([, size]) => seconds >= size);
  if (first === -1) return "0 秒";
  const parts = [];
  let rest = seconds;
  for (const [name, size] of UNITS.slice(first, first + 2)) {
    parts.push(`${Math.floor(rest / size)} ${name}`);
    rest %= size;
  }
  return parts.filter((part, i) => i === 0 || !part.startsWith("0 ")).join(" ");
}

setInterval(() => document.querySelectorAll("time.due").forEach(tell), SECOND);
