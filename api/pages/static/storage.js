// What the browser keeps for the panel. In a help desk's frame it may keep nothing; then the panel does without.

/** A value that was kept, or null. `kind` is "localStorage" or "sessionStorage". */
export function readKept(kind, key) {
  try {
    return JSON.parse(window[kind].getItem(key));
  } catch {
    return null;
  }
}

/** Keep a value, or forget it when it is null. */
export function keep(kind, key, value) {
  try {
    if (value === null) window[kind].removeItem(key);
    else window[kind].setItem(key, JSON.stringify(value));
  } catch {
    // Storage is blocked or full.
  }
}
