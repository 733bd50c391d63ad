"""Ada's projects in the demo, and the tasks in each.

All of it is invented. A task has a branch and a few steps; a step is the title and the first prompt of one session.
"""

from typing import NamedTuple


class Step(NamedTuple):
    title: str
    prompt: str


class Task(NamedTuple):
    branch: str
    steps: tuple[Step, ...]
    pull_request: bool = True


class Project(NamedTuple):
    """`weight` is its share of the sessions; `number` the pull request to start from; `files` what tools touch."""

    cwd: str
    repository: str
    weight: int
    number: int
    files: tuple[str, ...]
    check: str
    tasks: tuple[Task, ...]


def _task(branch: str, *steps: tuple[str, str], pull_request: bool = True) -> Task:
    return Task(branch, tuple(Step(*step) for step in steps), pull_request)


SHOP = Project(
    "/home/ada/code/shop",
    "ada/shop",
    33,
    412,
    ("src/cart/cart.ts", "src/cart/discounts.ts", "src/checkout/payment.ts", "src/mail/receipt.tsx", "tests/cart.ts"),
    "pnpm test",
    (
        _task(
            "feat/gift-cards",
            ("Gift cards: data model", "we need gift cards. start with the tables and the migration, no UI yet"),
            ("Redeem gift cards at checkout", "now let people redeem a gift card at checkout, partial amounts too"),
            ("Gift card refunds", "what happens to a gift card when the order is refunded? write the tests first"),
        ),
        _task(
            "fix/vat-rounding",
            ("VAT off by one cent", "order 88213 shows 19.01 VAT, the invoice says 19.00. find out why"),
            ("Round VAT once per invoice", "round per invoice instead of per line and show me every test that changes"),
        ),
        _task(
            "feat/search-suggestions",
            ("Search suggestions in the header", "add suggestions to the search box, debounce 150ms, keyboard works"),
            ("Rank suggestions by stock", "sold out products should sink to the bottom of the suggestions"),
            ("Suggestions: axe findings", "axe complains about the listbox roles in the suggestions, fix them all"),
        ),
        _task(
            "chore/node-24",
            ("Move to Node 24", "upgrade to node 24 and tell me what breaks before you change anything"),
            ("Replace the old fetch wrapper", "the fetch wrapper is not needed any more on node 24, remove it"),
        ),
        _task(
            "feat/order-export",
            ("Order export as CSV", "accounting wants a monthly csv of all orders, one row per item"),
            ("Stream the order export", "the export of march takes 40s and 2GB, make it stream"),
            ("Order export: time zones", "orders after 11pm land in the wrong month, have a look"),
        ),
        _task(
            "fix/checkout-double-submit",
            ("Checkout submits twice", "two customers were charged twice on friday, look at payment.ts and the logs"),
            ("Idempotency keys for payments", "add an idempotency key to every payment call, and test a click twice"),
        ),
        _task(
            "feat/receipt-mail",
            ("New receipt mail", "rebuild the receipt mail with the new templates, it has to look right in outlook"),
            ("Receipt mail: plain text part", "add a plain text part to the receipt, same numbers, short links"),
        ),
        _task(
            "feat/wishlist",
            ("Wishlist: first version", "logged in users get a wishlist, a heart on each product card, no sharing"),
            ("Wishlist for guests", "guests keep their wishlist in local storage, merge it on login"),
            ("Wishlist: flaky test", "the merge test fails one time in five on CI, find the race"),
        ),
        _task(
            "fix/cart-race",
            ("Cart loses an item", "with two tabs open the cart loses items, reproduce it in a test first"),
            ("Cart: compare and swap", "store a version with the cart and refuse stale writes"),
        ),
        _task(
            "feat/stock-alerts",
            ("Back in stock mails", "send a mail when a sold out product is back, at most one per person and product"),
            ("Stock alerts: rate and queue", "a restock of 3000 alerts blocked the queue, spread them out"),
            ("Stock alerts: review", "read the whole branch once more as a reviewer would and list what you would ask"),
        ),
    ),
)

GATEWAY = Project(
    "/home/ada/code/api-gateway",
    "ada/api-gateway",
    26,
    138,
    ("internal/proxy/proxy.go", "internal/limit/bucket.go", "internal/auth/jwks.go", "cmd/gateway/main.go", "go.mod"),
    "go test ./...",
    (
        _task(
            "feat/token-bucket",
            ("Token bucket per client", "replace the fixed window limiter with a token bucket per client"),
            ("Token bucket: benchmarks", "benchmark the bucket with 10k clients, I want to see the lock contention"),
            ("Shard the limiter", "shard the bucket map by client hash, 64 shards, compare with before"),
        ),
        _task(
            "fix/jwks-refresh",
            ("JWKS refresh hammers the issuer", "every unknown kid triggers a refresh, we get banned. add a cooldown"),
            ("Cooldown test with a fake clock", "the cooldown test sleeps 3 seconds, use a fake clock"),
        ),
        _task(
            "feat/request-ids",
            ("Request ids end to end", "pass a request id through every hop and put it in every log line"),
            ("Log format v2", "move the access log to json, keep the old one behind a flag for a month"),
        ),
        _task(
            "fix/slow-client-leak",
            ("Goroutine leak on slow clients", "goroutines grow by 200 an hour in prod, here is the pprof dump"),
            ("Timeouts on idle bodies", "add a read timeout for bodies that stall, 408 and close"),
            ("Leak test", "write a test that fails when a goroutine outlives its request"),
        ),
        _task(
            "feat/hot-reload",
            ("Reload routes without restart", "reload routes.yaml on SIGHUP, keep the old table if the new one is bad"),
            ("Hot reload: error messages", "the error for a bad route only says 'invalid', name the line and the key"),
        ),
        _task(
            "feat/otel-metrics",
            ("OpenTelemetry metrics", "export latency histograms by route, cardinality must stay under 500"),
            ("Metrics: drop path params", "user ids show up as label values, normalise the paths"),
        ),
        _task(
            "fix/gzip-range",
            ("Range requests and gzip", "a range request on a gzipped body returns garbage, look at the rfc first"),
            ("Gateway: release notes 3.2", "write the release notes for 3.2 from the merged pull requests"),
            pull_request=False,
        ),
        _task(
            "feat/canary-routes",
            ("Canary routing by header", "route 5 percent to the canary, sticky by client id"),
            ("Canary: roll back by itself", "if the canary has twice the errors for two minutes, take it out"),
        ),
    ),
)

INFRA = Project(
    "/home/ada/code/infra",
    "ada/infra",
    14,
    61,
    ("modules/db/main.tf", "modules/network/vpc.tf", "envs/prod/main.tf", "scripts/restore.sh", ".github/plan.yml"),
    "terraform validate",
    (
        _task(
            "feat/postgres-17",
            ("Postgres 17 upgrade plan", "plan the upgrade from 15 to 17 with the smallest downtime, don't touch prod"),
            ("Rehearse the upgrade in staging", "run the upgrade steps against staging and note how long each took"),
            ("Upgrade runbook", "turn what we did into a runbook that someone half asleep can follow"),
            pull_request=False,
        ),
        _task(
            "fix/backup-restore",
            ("Restore drill fails", "the nightly restore drill fails since tuesday, the log says 'wal missing'"),
            ("Alert when backups are old", "page me if the newest usable backup is older than 26 hours"),
        ),
        _task(
            "feat/oidc-deploy",
            ("Deploy without long lived keys", "use oidc from the ci to the cloud account and delete the static keys"),
            ("OIDC: least privilege", "cut the deploy role down to what terraform really needs"),
        ),
        _task(
            "chore/terraform-upgrade",
            ("Terraform upgrade", "bump terraform and all providers, then show me only the plans that are not empty"),
            ("Why does the plan drift", "the plan for the load balancer is never empty, find out who changes it"),
        ),
        _task(
            "feat/preview-envs",
            ("Preview environments", "each pull request gets a namespace and a url, gone after merge"),
            ("Preview envs cost too much", "what do the preview environments cost us a day? let them sleep at night"),
        ),
    ),
)

CAFE = Project(
    "/home/ada/code/café-karte",
    "ada/cafe-karte",
    11,
    17,
    ("app/karte.py", "app/übersicht.py", "templates/menü.html", "static/karte.css", "tests/test_karte.py"),
    "uv run pytest -q",
    (
        _task(
            "feat/wochenkarte",
            ("Wochenkarte als PDF", "die wochenkarte soll als pdf raus, A4 quer, zwei spalten"),
            ("Wochenkarte: Umlaute im PDF", "im pdf fehlen die umlaute bei 'Käsespätzle', schrift einbetten"),
        ),
        _task(
            "fix/allergene",
            ("Allergene fehlen", "bei getränken fehlen die allergene auf der karte, woher kommen die daten?"),
            ("Allergene: Pflichtfeld", "mach allergene zum pflichtfeld und zeig mir alle gerichte ohne"),
            pull_request=False,
        ),
        _task(
            "feat/tagesgericht",
            ("Tagesgericht per Telegram", "der koch schickt das tagesgericht per nachricht, es soll um 11 online sein"),
            ("Tagesgericht: Foto zuschneiden", "fotos vom handy sind riesig, zuschneiden und als webp speichern"),
        ),
        _task(
            "feat/reservierung",
            ("Reservierungen, erster Wurf", "einfache reservierung: datum, uhrzeit, personen, mail. keine konten"),
            ("Reservierung: Zeitzone", "eine reservierung für 19 uhr kam als 17 uhr an, bitte prüfen"),
        ),
    ),
)

THESIS = Project(
    "/home/ada/code/thesis",
    "ada/thesis",
    10,
    4,
    ("chapters/03-method.tex", "chapters/04-results.tex", "analysis/fit.py", "analysis/plots.py", "refs.bib"),
    "make pdf",
    (
        _task(
            "feat/bootstrap-intervals",
            ("Bootstrap intervals for table 4", "replace the normal intervals in table 4 with bootstrap, 10k draws"),
            ("Speed up the bootstrap", "the bootstrap takes 9 minutes, vectorise it, same numbers please"),
            ("Figure 7 again", "figure 7 needs a log axis and readable labels at column width"),
        ),
        _task(
            "feat/related-work",
            ("Related work: gaps", "which claims in chapter 2 have no citation? list them with line numbers"),
            ("Chapter 3: shorter", "chapter 3 is 4 pages too long, propose cuts, do not rewrite my sentences"),
            pull_request=False,
        ),
    ),
)

NOTES = Project(
    "/home/ada/code/notes",
    "ada/notes",
    6,
    1,
    ("inbox.md", "talks/queues.md", "reading/2026.md", "scripts/link_check.py"),
    "python scripts/link_check.py",
    (
        _task(
            "main",
            ("Sort the inbox", "go through inbox.md and file every item, ask me where you are not sure"),
            ("Outline a talk on queues", "outline a 20 minute talk about queues from my notes, three ideas at most"),
            ("Broken links", "check all links in the notes and fix the ones that only moved"),
            pull_request=False,
        ),
        _task(
            "feat/daily-template",
            ("Daily note template", "make a template for daily notes, with the open items of yesterday at the top"),
            pull_request=False,
        ),
    ),
)

PROJECTS = (SHOP, GATEWAY, INFRA, CAFE, THESIS, NOTES)
