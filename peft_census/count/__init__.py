"""Counting: tables in, numbers out. Nothing here reads a card, a file or a clock."""

from peft_census.count.agreement import agreement
from peft_census.count.authorship import authorship, generated
from peft_census.count.cells import ShareQuery, breakdown, monthly, shares_by
from peft_census.count.choice import choice
from peft_census.count.evidence import MENTION_COLUMNS, MODEL_COLUMNS, Evidence
from peft_census.count.funnel import funnel
from peft_census.count.groups import GROUP_COLUMNS, OTHER, family
from peft_census.count.instruments import calibration, instrument_shares
from peft_census.count.interrupted import interrupted_series
from peft_census.count.popular import popular
from peft_census.count.rules import HEADLINE, RULES_VERSION, STANDARD, Rule, parse_rule
from peft_census.count.shares import count_shares, headline, rule_changes, sensitivity
from peft_census.count.stickiness import stickiness
from peft_census.count.time import adoption, concentration, milestones
from peft_census.count.top import Top, TopQuery, top
from peft_census.count.votes import Votes

__all__ = [
    "GROUP_COLUMNS",
    "HEADLINE",
    "MENTION_COLUMNS",
    "MODEL_COLUMNS",
    "OTHER",
    "RULES_VERSION",
    "STANDARD",
    "Evidence",
    "Rule",
    "ShareQuery",
    "Top",
    "TopQuery",
    "Votes",
    "adoption",
    "agreement",
    "authorship",
    "breakdown",
    "calibration",
    "choice",
    "concentration",
    "count_shares",
    "family",
    "funnel",
    "generated",
    "headline",
    "instrument_shares",
    "interrupted_series",
    "milestones",
    "monthly",
    "parse_rule",
    "popular",
    "rule_changes",
    "sensitivity",
    "shares_by",
    "stickiness",
    "top",
]
