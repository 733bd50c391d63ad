"""The `demo` command and its invented homes."""
