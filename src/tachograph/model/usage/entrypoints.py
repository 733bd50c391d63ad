"""Programs that start Claude Code: what transcripts call them, and what people do."""

COWORK = "cowork"
_COWORK_FOLDER = "local-agent-mode-sessions"

# Entry points as transcripts name them; an unknown one is shown as it is.
NAMES = {
    "cli": "CLI",
    "claude-vscode": "VS Code",
    "claude-jetbrains": "JetBrains",
    "claude-desktop": "Desktop",
    "sdk-cli": "headless",  # claude -p
    "sdk-ts": "SDK (TypeScript)",
    "sdk-py": "SDK (Python)",
    COWORK: "Cowork",
}
# Words that a filter accepts for several of them.
GROUPS = {
    "ide": ("claude-vscode", "claude-jetbrains"),
    "sdk": ("sdk-ts", "sdk-py"),
    "headless": ("sdk-cli",),
}


def is_cowork(folder: str) -> bool:
    """Test whether a config folder belongs to Cowork, which has one for each of its sessions."""
    return _COWORK_FOLDER in folder and _COWORK_FOLDER in folder.replace("\\", "/").split("/")
