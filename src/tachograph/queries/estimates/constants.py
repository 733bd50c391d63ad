"""Words that programs and sentences share about estimates: methods of an answer, and reasons for no answer."""

# How shares were found (attribution.py).
LEARNED, LIST_PRICE, LITTLE, NOTHING = "learned", "list_price", "little_explained", "nothing"

# What a chance is about: a limit, or, where it is reached and use goes on, the spending cap, or a budget (forecast.py).
WALL_OF, CAP_OF, BUDGET_OF = "wall", "cap", "budget"
EVEN = 0.5  # below even odds nothing is shouted
# Why no chance can be said.
NO_RESET, NO_READING, OLD, AT_WALL, NO_CAP = "no_reset", "no_reading", "old", "at_wall", "no_cap"

# Why the end of a week cannot be said (what_if.py).
NO_WEEK, NO_WEIGHTS, NO_WORK = "no_week", "no_weights", "no_work"
