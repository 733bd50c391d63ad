// Names that pages and server share for live updates; docs/dashboard-protocol.md describes them, protocol.py has the same.
export const PAGE_KEY = "x-tachograph-page"; // the second secret of a sign-in, held by this origin alone
export const WHOLE = "x-tachograph-whole"; // send every block as HTML, one after the other
export const MARKS = "x-tachograph-have"; // send the blocks with another mark than these
export const CHUNKS = "x-tachograph-chunks"; // the parts of a long list that the page holds
export const OPENED = "x-tachograph-opened"; // charts with an open table beside them
export const ROWS = "x-tachograph-rows"; // send these parts of a long list
export const BLOCK_END = "<!--block-->"; // after every block of a whole page
export const PART_END = "<!--/part-->"; // after a row of a table or a group of cells
