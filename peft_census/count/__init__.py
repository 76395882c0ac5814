"""Counting: tables in, numbers out. Nothing here reads a card, a file or a clock."""

from peft_census.count.rules import RULES, RULES_VERSION, Rule, count_shares, headline

__all__ = ["RULES", "RULES_VERSION", "Rule", "count_shares", "headline"]
