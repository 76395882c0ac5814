"""Which source of the Hub a name means: ``hub-dump[@REVISION]``, ``hub-api`` or ``hub``."""

from __future__ import annotations

from pathlib import Path

from peft_census.collect.hub.api import HubApi, Selection
from peft_census.collect.hub.combined import Hub
from peft_census.collect.hub.dump import HubDump
from peft_census.errors import UsageError

NAMES = ("hub-dump", "hub-api", "hub")


def is_hub(spec: str) -> bool:
    """Returns whether ``spec`` names a source of the Hub."""
    return spec in NAMES or spec.startswith("hub-dump@")


def hub_source(spec: str, raw: Path, batch_rows: int, selection: Selection, quiet: bool) -> HubApi | HubDump:
    """Returns the source that ``spec`` names.

    Raises:
        UsageError: no such source of the Hub, or an option that it does not have.
    """
    name, named, revision = spec.partition("@")
    if name == "hub-dump":
        if selection != Selection(accept_shrunk=selection.accept_shrunk):
            raise UsageError("--ids, --population and --adapter-configs need the API", "use --source hub or hub-api.")
        wanted = revision if named else None  # "hub-dump@" names none, and is refused as such
        return HubDump(raw, wanted, accept_shrunk=selection.accept_shrunk, quiet=quiet, batch_rows=batch_rows)
    if not is_hub(spec):
        raise UsageError(f"{spec!r} is no source of the Hub", f"choose one of {', '.join(NAMES)}.")
    return (Hub if spec == "hub" else HubApi)(raw, selection, quiet=quiet, batch_rows=batch_rows)
