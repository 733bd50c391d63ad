"""What is sent, and when."""

import random

from tachograph.ui.tray.diff import NOTHING, MenuChange, MenuSync, diff, shape
from tachograph.ui.tray.view import Environment, Menu, view
from tray_menus import UTC, T, account, limit, menu, meter, usual


def two() -> Menu:
    return menu(usual(), account(limit("five_hour", 5), label="b@example.org", id=2))


def test_the_same_menu_is_no_work() -> None:
    assert diff(menu(usual()), menu(usual())) is NOTHING
    board = MenuSync(menu(usual()))
    assert board.update(menu(usual())) == NOTHING


def test_a_number_repaints_the_title_and_says_its_rows_anew() -> None:
    change = diff(menu(usual(78)), menu(usual(79)))
    assert (change.title, change.icon, change.tooltip, change.rebuild) == (True, False, True, False)
    keys = [row.key for row in change.rows]
    assert "account:1:five_hour" in keys and "account:1:seven_day" not in keys


def test_an_account_that_came_is_another_set_of_rows() -> None:
    assert diff(menu(usual()), two()).rebuild
    assert diff(two(), menu(usual())).rebuild


def test_while_closed_rows_wait_until_it_opens() -> None:
    board = MenuSync(menu(usual(78)))
    sent = board.update(menu(usual(79)))
    assert sent.title and not sent.rows
    assert "account:1:five_hour" in [row.key for row in board.on_open().rows]
    assert board.on_close() == NOTHING
    assert board.on_open() == NOTHING


def test_a_countdown_alone_is_not_worth_a_message() -> None:
    board = MenuSync(menu(usual()))
    assert board.update(view(meter(usual(), at=T + 120_000), Environment(), UTC)) == NOTHING
    assert board.on_open().rows


def test_while_open_nothing_is_rebuilt_and_everything_ticks() -> None:
    board = MenuSync(menu(usual(78)))
    board.on_open()
    sent = board.update(two())
    assert not sent.rebuild and not sent.tooltip
    assert shape(board.menu.rows) == shape(menu(usual()).rows)
    sent = board.update(menu(usual(80), account(limit("five_hour", 6), label="b@example.org", id=2)))
    assert "account:1:five_hour" in [row.key for row in sent.rows]
    at_last = board.on_close()
    assert at_last.rebuild and at_last.tooltip
    assert shape(board.menu.rows) == shape(two().rows)


def test_an_account_that_came_and_went_while_open_rebuilds_nothing() -> None:
    board = MenuSync(menu(usual()))
    board.on_open()
    board.update(two())
    board.update(menu(usual()))
    assert not board.on_close().rebuild


def test_whatever_happens_the_desktop_ends_up_with_the_newest() -> None:
    """A desktop that applies every change shows, when the menu is closed or opens, what the newest menu says."""
    dice = random.Random(7)
    for _ in range(200):
        newest = menu(usual())
        board = MenuSync(newest)
        rows, title = newest.rows, newest.title
        for _ in range(30):
            event = dice.choice(["update", "update", "open", "close"])
            if event == "update":
                accounts = [usual(dice.choice([10, 95, 100]), 50)]
                if dice.random() < 0.4:
                    accounts.append(account(limit("five_hour", 5), label="b@example.org", id=2))
                newest = menu(*accounts, standing=dice.randint(0, 1))
                change = board.update(newest)
                assert not (board.is_open and change.rebuild)
            elif event == "open":
                change = board.on_open()
            else:
                change = board.on_close()
            rows, title = applied(change, board, rows, title)
            assert title == newest.title
            if event == "open" and shape(rows) == shape(newest.rows):
                assert rows == newest.rows
            assert shape(rows) == shape(board.menu.rows)


def applied(change: MenuChange, board: MenuSync, rows, title):  # type: ignore[no-untyped-def]
    if change.title:
        title = board.menu.title
    if change.rebuild:
        return board.menu.rows, title
    said = {row.key: row for row in change.rows}

    def one(row):  # type: ignore[no-untyped-def]
        fresh = said.get(row.key, row)
        return fresh._replace(children=tuple(map(one, row.children)))

    return tuple(map(one, rows)), title
