"""What environment variables say: switches that can be off, and settings that may be empty."""

import getpass
import os

ON, OFF = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")


def setting(name: str) -> str | None:
    """The value of a variable, None where it is not set or empty."""
    return os.environ.get(name) or None


def switch(name: str) -> bool:
    """Whether a variable switches something on. Raises ValueError for what is neither on nor off."""
    value = os.environ.get(name, "").strip().lower()
    if value not in ON + OFF:
        raise ValueError(f"{name}: must be one of {', '.join(ON)} or {', '.join(OFF[1:])}, or not set, not {value!r}")
    return value in ON


def name_user() -> None:
    """Give the user a name where the system has none, as in a container that is started with a user's number alone:
    torch, which names folders after users, asks for it at its first step."""
    try:
        getpass.getuser()
    except (KeyError, OSError, ImportError):
        if hasattr(os, "getuid"):
            os.environ["LOGNAME"] = f"user{os.getuid()}"
