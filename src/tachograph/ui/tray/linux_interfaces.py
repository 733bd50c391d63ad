"""The names of the two interfaces on D-Bus, and their description for programs that ask for one."""

ITEM, ITEM_PATH = "org.kde.StatusNotifierItem", "/StatusNotifierItem"
MENU, MENU_PATH = "com.canonical.dbusmenu", "/MenuBar"
WATCHER = "org.kde.StatusNotifierWatcher"
PROPERTIES = "org.freedesktop.DBus.Properties"


def _arguments(ins: str, outs: str = "") -> str:
    made = [f'<arg type="{one}" direction="in"/>' for one in ins.split()]
    return "".join([*made, *(f'<arg type="{one}" direction="out"/>' for one in outs.split())])


def _method(name: str, ins: str, outs: str = "") -> str:
    return f'<method name="{name}">{_arguments(ins, outs)}</method>'


def _signal(name: str, types: str = "") -> str:
    arguments = "".join(f'<arg type="{one}"/>' for one in types.split())
    return f'<signal name="{name}">{arguments}</signal>'


def _property(name: str, type: str) -> str:
    return f'<property name="{name}" type="{type}" access="read"/>'


_ITEM_PROPERTIES = {
    **dict.fromkeys(("Category", "Id", "Title", "Status", "IconName", "IconThemePath", "XAyatanaLabel"), "s"),
    "WindowId": "i",
    "IconPixmap": "a(iiay)",
    "ToolTip": "(sa(iiay)ss)",
    "ItemIsMenu": "b",
    "Menu": "o",
}
XML = "".join(
    [
        '<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"'
        ' "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd"><node>',
        f'<interface name="{ITEM}">',
        *(_property(name, type) for name, type in _ITEM_PROPERTIES.items()),
        *(_method(name, "i i") for name in ("Activate", "SecondaryActivate", "ContextMenu")),
        _method("Scroll", "i s"),
        *(_signal(name) for name in ("NewTitle", "NewIcon", "NewToolTip")),
        _signal("XAyatanaNewLabel", "s s"),
        f'</interface><interface name="{MENU}">',
        *(_property(name, type) for name, type in (("Version", "u"), ("Status", "s"), ("TextDirection", "s"))),
        _method("GetLayout", "i i as", "u (ia{sv}av)"),
        _method("GetGroupProperties", "ai as", "a(ia{sv})"),
        _method("GetProperty", "i s", "v"),
        _method("Event", "i s v u"),
        _method("EventGroup", "a(isvu)", "ai"),
        _method("AboutToShow", "i", "b"),
        _method("AboutToShowGroup", "ai", "ai ai"),
        _signal("ItemsPropertiesUpdated", "a(ia{sv}) a(ias)"),
        _signal("LayoutUpdated", "u i"),
        "</interface></node>",
    ]
)
