"""Each name that the menu bar uses is in the metadata of PyObjC, or in a published program for macOS."""

import ast
import inspect
import plistlib
from types import ModuleType

from appkit_evidence import CONSTANTS, METADATA, SELECTORS, has_evidence
from appkit_fakes import shell as shell
from tachograph.setup.autostart import RECORDER, plist


def test_every_name_of_appkit_and_foundation_is_in_its_metadata(shell: ModuleType) -> None:
    used = {node.attr for node in ast.walk(ast.parse(inspect.getsource(shell))) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "AppKit"}  # fmt: skip
    assert used
    for name in used | {"NSObject", "NSRunLoop", "NSRunLoopCommonModes", "NSTimer"}:
        assert METADATA["classes"].get(name) or CONSTANTS.get(name), name


def test_numbers_that_stand_for_constants_are_those_of_the_metadata(shell: ModuleType) -> None:
    assert shell._ON == 1 and shell._OFF == 0 and shell._ACCESSORY == 1
    assert CONSTANTS["NSControlStateValueOn"] == {"value": shell._ON}
    assert CONSTANTS["NSControlStateValueOff"] == {"value": shell._OFF}
    assert CONSTANTS["NSApplicationActivationPolicyAccessory"] == {"value": shell._ACCESSORY}


def test_every_selector_has_evidence() -> None:
    assert [selector for selector in SELECTORS if not has_evidence(selector)] == []


def test_every_selector_that_the_menu_bar_calls_was_looked_up(shell: ModuleType) -> None:
    """A method of AppKit that ends in an underscore takes arguments."""
    source = ast.parse(inspect.getsource(shell))
    own = {node.name for node in ast.walk(source) if isinstance(node, ast.FunctionDef)}
    called = {node.func.attr for node in ast.walk(source) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)}  # fmt: skip
    missing = {name for name in called - own if name.endswith("_") and name.replace("_", ":") not in SELECTORS}
    assert missing == set()


def test_methods_that_appkit_calls_have_its_names_and_arguments(shell: ModuleType) -> None:
    for selector in ("menuWillOpen:", "menuDidClose:"):
        (entry,) = SELECTORS[selector]["pyobjc"]
        method = getattr(shell.StatusItem, selector.replace(":", "_"))
        assert entry["arguments"] == {"2": {"type": "@"}} and len(inspect.signature(method).parameters) == 2
    for action in ("look_", "chosen_"):  # of a timer and of a menu item: v@:@
        assert len(inspect.signature(getattr(shell.StatusItem, action)).parameters) == 2


# Keys of a launch agent and their types, as the manual page launchd.plist(5) documents them.
LAUNCHD = {
    "Label": str,
    "ProgramArguments": list,
    "EnvironmentVariables": dict,
    "RunAtLoad": bool,
    "KeepAlive": dict,
    "ProcessType": str,
    "Umask": int,
}


def test_a_launch_agent_has_only_keys_that_launchd_documents_with_their_types() -> None:
    agent = plistlib.loads(plist(["/opt/a b/tachograph", "start"], {"CLAUDE_CONFIG_DIR": "/x"}, RECORDER).encode())
    assert {key: type(value) for key, value in agent.items()} == {key: LAUNCHD[key] for key in agent}
    assert {"Label", "ProgramArguments"} <= set(agent)  # without them launchd refuses the file
    assert agent["ProgramArguments"] == ["/opt/a b/tachograph", "start"]
    assert agent["KeepAlive"] == {"SuccessfulExit": False}  # start again unless it ended well
    assert agent["ProcessType"] in ("Background", "Standard", "Adaptive", "Interactive")
    assert all(isinstance(value, str) for value in agent["EnvironmentVariables"].values())
