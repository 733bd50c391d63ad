"""Words of the demo: prompts, thoughts, remarks, tool output and errands of Ada's sessions. All of it is invented."""

from typing import Any

from tachograph.demo.projects import Project, Step

SIDE_FIXES = (
    Step("Flaky date test", "quick one before I go: the date test fails on the first of a month"),
    Step("Typo in the error page", "separate branch please: the 404 page says 'occured'"),
    Step("Pin the linter", "CI is red because the linter moved, pin it in its own pull request"),
    Step("Drop a dead flag", "the flag from last month is on for everyone, remove it in a small pull request"),
    Step("Cache the CI downloads", "CI downloads everything each time, add the cache, own pull request"),
)

NEXT_PROMPTS = (
    "run the tests",
    "yes, go on",
    "looks good, now the same for the other call sites",
    "why did you change that? revert it and keep the rest",
    "that test passes without your fix. write one that fails first",
    "simpler please, no new class",
    "can you explain what the second query does",
    "commit this, then go on with the next point",
    "it still fails, output is the same as before",
    "ok. what is left?",
    "check how the other module does it and follow that",
    "no new dependency for this",
    "add a test for the empty case",
    "rename it, the name says nothing",
    "what happens when the network is down?",
    "show me the diff before you commit",
    "I'd rather have two small functions",
    "does that hold for 29 february too?",
    "great 👍 update the changelog as well",
    "the docs are wrong now, fix them",
    "measure it before and after",
    "good catch. fix it in the same go",
    "leave the formatting alone",
    "and on windows?",
    "continue",
)

REVIEW_PROMPTS = (
    "address the review comments on #{number}",
    "the reviewer asks for a test on #{number}, add it and push",
    "CI is red on #{number}, have a look",
)

OPEN_PROMPTS = ("open a pull request", "push it and open a PR, short description", "commit, push, PR please")

FOLLOW_UPS = (
    Step("Carry on with {name}", "where were we with {name}? carry on with the plan"),
    Step("Edge cases of {name}", "which edge cases of {name} did we miss? tests only, no fixes yet"),
    Step("Clean up after {name}", "read the diff against main and remove what is not needed"),
    Step("CI failure in {name}", "green here, red on CI. the log is in /tmp/ci.log"),
    Step("Docs for {name}", "write the docs for {name}, half a page, with one example"),
    Step("Rebase {name}", "rebase on main, there are two conflicts, ask me about the second"),
    Step("Second opinion on {name}", "argue against our approach to {name}. what would you do instead?"),
    Step("Split the commits of {name}", "split the last commit, the refactoring does not belong in it"),
    Step("Find the slow part of {name}", "it takes four seconds on my machine, find out where they go"),
    Step("Questions about {name}", "explain {name} to me as if I had been away for a month"),
)

EXPLORE_PROMPTS = (
    "how does this work today? don't change anything yet",
    "before we start: who calls this, and what do the tests cover?",
    "pull main and tell me what changed since last week",
)

SPELLINGS = {"vat": "VAT", "jwks": "JWKS", "oidc": "OIDC", "otel": "OTel", "postgres": "Postgres", "node": "Node"}

THOUGHTS = (
    "The failing case only shows up when the list is empty, so the early return is the suspect.",
    "Two callers depend on the old order. I should look at both before changing the signature.",
    "The test passes for the wrong reason: the fixture never reaches the branch.",
    "There is already a function for this one folder up. Better to use it than to write a second one.",
    "The timestamps differ by exactly two hours, which smells like a zone and not like rounding.",
    "I should reproduce it first. The log line has enough to build a small test.",
    "The lock is held while the response is written. That explains the tail latency.",
    "If the write fails halfway the counter is already up. The order has to be swapped.",
    "The user asked for no new dependency, so a plain loop will do.",
    "Let me check who else reads this field before I rename it.",
)

REMARKS = (
    "Let me look at how this is used first.",
    "I can see the cause: the value is read before the lock is taken.",
    "The tests pass. One of them was skipped before and runs now.",
    "That is the same pattern as in the other module, so I will follow it.",
    "Now the test that fails without the change.",
    "Two call sites are left.",
    "This one is different: it expects the list to be sorted.",
    "The failure is not from this change; it fails on main as well.",
    "I will keep the old name as an alias for one release.",
    "Reproduced. It needs two requests within the same millisecond.",
    "Next, the migration.",
    "Looking at the log around that time.",
)

SUMMARIES = (
    "Done. The change is in one place, and the new test fails without it.",
    "All green. I left the formatting of the other lines alone.",
    "It works now; the cause was the order of the two writes. Shall I commit?",
    "Before: 41 s. After: 3.2 s. Memory stays flat.",
    "Three call sites changed, one left on purpose: it needs the old behaviour until the next release.",
    "I found two more cases of the same bug and fixed them in the same commit.",
    "Short answer: yes, it holds. The long answer is in the test I added.",
    "Not done yet: the last test needs a decision from you. Should an empty cart be an error?",
)

OUTPUTS = (
    "ok",
    "14 passed in 2.31s",
    "1 failed, 41 passed in 6.02s",
    "nothing to commit, working tree clean",
    "The file has been updated.",
    "src: 3 matches in 2 files",
    "No matches found",
    "PASS\nok   internal/limit 0.412s",
    "  1\timport { money } from '../money'\n  2\t\n  3\texport const EMPTY = []",
    "warning: 1 line adds whitespace errors.",
)

SEARCHES = (
    "terraform plan never empty load balancer",
    "rfc range request content-encoding",
    "pdf embed font umlaut missing",
    "postgres 17 upgrade minimal downtime",
    "listbox role aria-activedescendant",
)

ERRANDS = (
    ("Explore", "find all callers", "List every caller of this function with file and line."),
    ("Explore", "read the config code", "How is the configuration loaded, and in which order?"),
    ("general-purpose", "compare two libraries", "Compare the two libraries on size, upkeep and license."),
    ("Explore", "trace a request", "Follow one request from the router to the database."),
    ("code-reviewer", "review the branch", "Review the diff against main. Only real problems, please."),
    ("test-writer", "write missing tests", "Write the tests that are missing for the changed lines."),
)

WORKTREE = "bold-heron"

COMPACT_SUMMARY = (
    "This session continues an earlier one that ran out of room. So far: the cause was found and covered by a test; "
    "the fix is half done; the open points are the second call site and the changelog."
)


def tool_input(name: str, project: Project, file: str) -> dict[str, Any]:
    """Input of a tool call; `file` is one of the project's."""
    path = f"{project.cwd}/{file}"
    inputs: dict[str, dict[str, Any]] = {
        "Read": {"file_path": path},
        "Edit": {"file_path": path, "old_string": "return total", "new_string": "return round_once(total)"},
        "Write": {"file_path": path, "content": "…"},
        "Grep": {"pattern": "TODO|FIXME", "path": path},
        "Bash": {"command": project.check, "description": "Run the checks"},
        "TodoWrite": {"todos": [{"content": "second call site", "status": "pending"}]},
    }
    return inputs[name]
