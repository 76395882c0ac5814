"""The verb ``sample-gold`` of the command line."""

from __future__ import annotations

from pathlib import Path

import click

from peft_census.cli.output import open_snapshot, output_options, print_result, snapshot_option


@click.command("sample-gold")
@click.argument("n", type=click.IntRange(min=1))
@snapshot_option
@click.option("--out", "-o", required=True, type=click.Path(path_type=Path, dir_okay=False), help="New file to write.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="The same seed, the same cards.")
@output_options
def sample_gold(n: int, snapshot: str, out: Path, seed: int, as_json: bool, quiet: bool) -> None:
    """Draw N cards of a snapshot at random for people to label.

    The file has one card a line, its labels null. Fill in cited, applied, name_only and negated as
    data/gold/README.md defines them ([] for none); set unread to true where the card is gone. Keep every line.
    Then `peft-census count --gold FILE` corrects LoRA's share for the tagger's errors.

    \b
    Example:
      peft-census sample-gold 600 --snapshot latest --out to-label.jsonl --seed 1
    """
    from peft_census.pipeline.counting import evidence_of
    from peft_census.pipeline.label_sample import draw, population_of, write_sample

    found = open_snapshot(snapshot)
    population = population_of(found, evidence_of(found))
    lines = draw(population, n, seed)
    write_sample(lines, out)
    drawn = {letter: sum(line["stratum"] == letter for line in lines) for letter in population.sizes()}
    facts = {
        "snapshot_id": found.id,
        "out": str(out),
        "seed": seed,
        "strata": [{"stratum": s, "cards": cards, "labels": drawn[s]} for s, cards in population.sizes().items()],
    }
    listed = "\n".join(f"  {s}: {drawn[s]:,} of {cards:,} cards" for s, cards in population.sizes().items())
    print_result(facts, f"{n:,} cards to label → {out}\n{listed}\nsnapshot {found.id}", as_json)
