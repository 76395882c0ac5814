"""Counting: tables in, numbers out. Nothing here reads a card, a file or a clock."""

from peft_census.count.evidence import MENTION_COLUMNS, MODEL_COLUMNS, Evidence, Votes
from peft_census.count.rules import HEADLINE, RULES_VERSION, STANDARD, Rule, parse_rule
from peft_census.count.shares import count_shares, headline, sensitivity

__all__ = [
    "HEADLINE",
    "MENTION_COLUMNS",
    "MODEL_COLUMNS",
    "RULES_VERSION",
    "STANDARD",
    "Evidence",
    "Rule",
    "Votes",
    "count_shares",
    "headline",
    "parse_rule",
    "sensitivity",
]
