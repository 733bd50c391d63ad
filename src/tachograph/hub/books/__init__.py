"""Anthropic's own reports of an organization, beside what the logs of the team show."""
