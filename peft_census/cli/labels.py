"""The commands for labelled cards: ``gold`` and ``sample-gold``."""

from __future__ import annotations

from pathlib import Path

import click

from peft_census.cli.options import open_snapshot, output_options, snapshot_option
from peft_census.cli.output import OutputOptions, print_result
from peft_census.pipeline.counting import evidence_of
from peft_census.pipeline.evaluate import read_labels, save_scores, score
from peft_census.pipeline.label_sample import draw, population_of, write_sample
from peft_census.publish.text.scores import scores_text


@click.command()
@click.argument("labels", type=click.Path(path_type=Path), metavar="LABELS.jsonl")
@click.option("--texts", type=click.Path(path_type=Path), metavar="FILE", help="A file with the texts, by sha256.")
@click.option("--record", type=click.Path(path_type=Path), metavar="FILE", help="Record the scores in this file.")
@output_options
def gold(labels: Path, texts: Path | None, record: Path | None, output: OutputOptions) -> None:
    """Score the tagger on labelled cards.

    Prints precision, recall and F1, and each card on which labels and tagger disagree.

    \b
    Examples:
      peft-census gold data/gold/written.jsonl
      peft-census gold data/gold/real.jsonl --texts cards-with-texts.jsonl.gz
    """
    result = score(read_labels(labels, texts))
    if record is not None:
        save_scores(result, labels.name.partition(".")[0], record)
    print_result(result, scores_text(result), output)


@click.command("sample-gold")
@click.argument("n", type=click.IntRange(min=1))
@snapshot_option
@click.option("--out", "-o", required=True, type=click.Path(path_type=Path, dir_okay=False), help="New file to write.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Seed of the random sample.")
@output_options
def sample_gold(n: int, snapshot: str, out: Path, seed: int, output: OutputOptions) -> None:
    """Draw a random sample of cards for people to label.

    The file has one card per line; its labels are null. Fill in cited, applied, name_only and negated as defined in
    data/gold/README.md ([] for none), and set unread to true if the card no longer exists. Do not delete lines. Then
    `peft-census count --gold FILE` corrects the share of LoRA for the errors of the tagger.

    \b
    Example:
      peft-census sample-gold 600 --snapshot latest --out to-label.jsonl --seed 1
    """
    opened = open_snapshot(snapshot)
    population = population_of(opened, evidence_of(opened))
    rows = draw(population, n, seed)
    write_sample(rows, out)
    drawn = {stratum: sum(row.stratum == stratum for row in rows) for stratum in population.sizes()}
    strata = [{"stratum": s, "cards": cards, "labels": drawn[s]} for s, cards in population.sizes().items()]
    result = {"snapshot_id": opened.id, "out": out, "seed": seed, "strata": strata}
    listed = "\n".join(f"  {s}: {drawn[s]:,} of {cards:,} cards" for s, cards in population.sizes().items())
    print_result(result, f"{n:,} cards to label → {out}\n{listed}\nsnapshot {opened.id}", output)
