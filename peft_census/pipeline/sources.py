"""Opens sources of cards with the folder and the batch size of the settings, and estimates their cost."""

from __future__ import annotations

from peft_census.collect import registry
from peft_census.collect.base import Source
from peft_census.collect.http.rate_limit import SYSTEM_CLOCK, Clock
from peft_census.collect.hub.estimate import Estimate, estimate
from peft_census.collect.hub.options import HubOptions
from peft_census.pipeline.settings import settings


def make_source(
    spec: str,
    keep_first: bool = False,
    quiet: bool = False,
    hub: HubOptions | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> Source:
    """Returns the source that ``spec`` names; see ``SourceRequest`` for the arguments.

    Raises:
        UsageError: there is no such source, or it does not have the options given.
    """
    return registry.make_source(spec, settings().raw, settings().batch_rows, keep_first, quiet, hub, clock)


def is_estimable(spec: str) -> bool:
    """Returns whether ``spec`` names a source of the Hub, which has a cost."""
    return registry.is_named(spec) and spec != "specimen"


def estimate_source(spec: str, quiet: bool = False, hub: HubOptions | None = None) -> Estimate:
    """Returns the cost of a census of a Hub source.

    Raises:
        UsageError: ``spec`` does not name a source of the Hub.
    """
    return estimate(make_source(spec, quiet=quiet, hub=hub))
