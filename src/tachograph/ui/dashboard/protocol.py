"""Names that pages and server share for live updates. docs/dashboard-protocol.md describes them; static/protocol.js has the
same names.
"""

PAGE_KEY = "x-tachograph-page"  # the second secret of a session, from the storage of the page's origin
WHOLE = "x-tachograph-whole"  # send every block as HTML, one after the other
MARKS = "x-tachograph-have"  # send the blocks with another mark than these: `top=…,totals=…`
CHUNKS = "x-tachograph-chunks"  # parts of a long list that the page holds: `0,3`
OPENED = "x-tachograph-opened"  # charts with an open table beside them: `spend,where`
ROWS = "x-tachograph-rows"  # send these parts of a long list
BLOCK_END = "<!--block-->"  # after every block of a whole page
TWIN_START, TWIN_END = "<!--twin:{}-->", "<!--/twin-->"  # around the table beside a chart
PART_END = "<!--/part-->"  # after a row of a table or a group of cells that a page may hold already
ONCE = "once"  # query parameter: the token of a download
