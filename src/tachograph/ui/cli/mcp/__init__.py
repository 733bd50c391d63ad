"""The `mcp` command: limits, forecast and usage as read-only tools for an agent."""
