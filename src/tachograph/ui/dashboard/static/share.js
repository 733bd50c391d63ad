// Share buttons: a text for the clipboard, the card of a limit week as a picture without names.
import { showMessage } from "./actions.js";
import { blankPicture, pngBlob, save } from "./export.js";

/** @param {string} text */
const copy = async (text) => {
  try {
    await navigator.clipboard.writeText(text);
    showMessage("Copied.");
  } catch {
    showMessage("This browser does not let the page copy. Select the text instead.");
  }
};

/** Break a sentence into lines. @param {CanvasRenderingContext2D} pen @param {string} text @param {number} width */
export const wrapped = (pen, text, width) => {
  /** @type {string[]} */
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (pen.measureText(longer).width > width && lines.at(-1)) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines;
};

const WIDTH = 720;
const MARGIN = 28;
const BAR_LEFT = 170;
const BAR_WIDTH = 330;

/**
 * The card as a picture. Its texts come from `data-share`, which the server fills without names of projects, sessions,
 * accounts or people.
 * @param {{ title: string, sentence: string, rows: { label: string, share: number, text: string, color: number | null }[],
 *   pace: number | null, foot: string }} card
 */
const cardPicture = async (card) => {
  const font = getComputedStyle(document.body).fontFamily;
  const measure = blankPicture(10, 10).pen;
  measure.font = `600 18px ${font}`;
  const lines = wrapped(measure, card.sentence, WIDTH - 2 * MARGIN);
  const rowsTop = 64 + lines.length * 26;
  const { canvas, pen } = blankPicture(WIDTH, rowsTop + card.rows.length * 30 + 54);
  const ink = pen.fillStyle;
  const color = (/** @type {string} */ name) => {
    const probe = document.createElement("i");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const value = getComputedStyle(probe).color;
    probe.remove();
    return value;
  };
  pen.font = `13px ${font}`;
  pen.fillStyle = color("--muted");
  pen.fillText(card.title, MARGIN, 34);
  pen.fillStyle = ink;
  pen.font = `600 18px ${font}`;
  for (const [n, line] of lines.entries()) pen.fillText(line, MARGIN, 66 + n * 26);
  pen.font = `14px ${font}`;
  for (const [n, row] of card.rows.entries()) {
    const y = rowsTop + n * 30;
    pen.fillStyle = ink;
    pen.fillText(row.label, MARGIN, y + 15, BAR_LEFT - MARGIN - 10);
    pen.fillStyle = color("--track");
    pen.fillRect(BAR_LEFT, y + 4, BAR_WIDTH, 14);
    pen.fillStyle = color(row.color === null ? "--rest" : `--s${row.color}`);
    pen.fillRect(BAR_LEFT, y + 4, BAR_WIDTH * Math.min(1, row.share), 14);
    pen.fillStyle = ink;
    pen.fillText(row.text, BAR_LEFT + BAR_WIDTH + 14, y + 16);
  }
  if (card.pace !== null) {
    pen.fillRect(BAR_LEFT + BAR_WIDTH * card.pace, rowsTop - 2, 1.5, card.rows.length * 30 - 2);
  }
  pen.fillStyle = color("--muted");
  pen.font = `12px ${font}`;
  pen.fillText(card.foot, MARGIN, rowsTop + card.rows.length * 30 + 30, WIDTH - 2 * MARGIN);
  save(await pngBlob(canvas), "tachograph-limit-week.png");
};

export const watchShare = () => {
  document.addEventListener("click", (event) => {
    /** @type {HTMLElement | null} */
    const button =
      event.target instanceof Element ? event.target.closest("button[data-copy], button[data-share]") : null;
    if (!button) return;
    if (button.dataset.copy !== undefined) copy(button.dataset.copy);
    else cardPicture(JSON.parse(button.dataset.share ?? "{}"));
  });
};
