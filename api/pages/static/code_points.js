// Offsets of the service count Unicode code points; JavaScript's strings count UTF-16 units, two for most emoji.

/** How many code points a text has. */
export function countPoints(text) {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/**
 * Cut a text at marks, so that the pieces make up the whole.
 * @param {string} text
 * @param {{start: number, end: number}[]} marks in code points, end exclusive, in order, not overlapping
 * @returns {{text: string, mark: object | null}[]}
 */
export function cutAtMarks(text, marks) {
  const points = Array.from(text);
  const pieces = [];
  let at = 0;
  const take = (end, mark) => {
    if (end > at) pieces.push({ text: points.slice(at, end).join(""), mark });
    at = Math.max(at, end);
  };
  for (const mark of marks) {
    take(mark.start, null);
    take(mark.end, mark);
  }
  take(points.length, null);
  return pieces;
}
