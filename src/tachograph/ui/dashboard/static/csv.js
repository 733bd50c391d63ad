// Cells of a CSV file: pure.

/** A cell that no spreadsheet takes for a formula. @param {string} text */
export const quoted = (text) => {
  let cell = String(text).replace(/\s+/g, " ").trim();
  const isFormula = /^[=+@\t\r]/.test(cell) || (/^-/.test(cell) && Number.isNaN(Number(cell)));
  if (isFormula) cell = `'${cell}`;
  return /[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
};

/** Rows of texts as a file. @param {string[][]} rows */
export const csv = (rows) => `${rows.map((row) => row.map(quoted).join(",")).join("\r\n")}\r\n`;
