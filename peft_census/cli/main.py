"""The command line: one verb a stage, in pipeline order. No logic here; every verb calls one function.

Results go to stdout, progress and notes to stderr. Exit codes: 0 done, 1 failed, 2 called wrongly,
3 finished, but something is missing.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from peft_census import __version__
from peft_census.cli.diff import diff
from peft_census.cli.instrument_options import estimate, instrument_options, run_instruments
from peft_census.cli.labels import sample_gold
from peft_census.cli.output import (
    CommandGroup,
    finish,
    open_snapshot,
    output_options,
    print_result,
    show_progress,
    snapshot_option,
    snapshots_folder,
)
from peft_census.cli.publish import publish
from peft_census.cli.reproduce import reproduce
from peft_census.cli.source_options import parse_hub_options, source_options
from peft_census.cli.tag_options import make_tag_options, tag_option_decorator
from peft_census.cli.verify import doctor
from peft_census.errors import GAPS, UsageError


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="peft-census")
def main() -> None:
    """The open census of parameter-efficient fine-tuning (PEFT).

    Reads model cards, finds the techniques each one cites and on what evidence, counts them under named
    rules and publishes shares with their uncertainty and provenance.

    \b
    Start here:
      peft-census census                        the bundled specimen, all stages
      peft-census census --source cards.parquet your own cards
      peft-census show                          the newest snapshot in brief
    """
    if sys.platform in ("linux", "darwin"):
        # Read once, when Arrow is first imported. What Arrow takes by itself keeps growing with the input.
        os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "jemalloc")


@main.command()
@source_options
@click.option("--out", "-o", type=click.Path(path_type=Path), help="Folder for snapshots.  [default: data/snapshots]")
@instrument_options
@tag_option_decorator
@output_options
def census(source: str, keep_first: bool, out: Path | None, as_json: bool, quiet: bool, **wishes: Any) -> None:
    """Run all stages: read cards, tag, count, publish; seal a snapshot.

    The snapshot's id derives from its content: the same cards and rules give the same id, and a second run
    says so and writes nothing.

    \b
    Examples:
      peft-census census
      peft-census census --source cards.parquet --out my-snapshots
      peft-census census --source 'dumps/*.parquet' --json | jq .headline
      peft-census census --source cards.parquet --with github,civitai,benchmark
      peft-census census --source hub-api
    """
    from peft_census.pipeline.census import make_source, run_census, summary
    from peft_census.pipeline.instruments import make_instrument_config
    from peft_census.publish.text.terminal import describe_run

    hub, tag_options = parse_hub_options(wishes), make_tag_options(wishes, quiet)
    wanted = make_instrument_config(**wishes)
    cards = make_source(source, keep_first, quiet, hub)
    outcome = run_census(
        cards,
        out or snapshots_folder(),
        show_progress(quiet, "cards"),
        lambda: run_instruments(wanted, quiet),
        tag_options,
    )
    facts = summary(outcome)
    print_result(facts, describe_run(outcome.snapshot, outcome.unchanged), as_json)
    finish(outcome.gaps, quiet, outcome.instrument_gaps, source)


main.add_command(estimate)


@main.command()
@source_options
@click.option(
    "--out", "-o", required=True, type=click.Path(path_type=Path), help="Parquet file to write; with Spark a folder."
)
@click.option(
    "--engine",
    type=click.Choice(["local", "spark"]),
    default="local",
    show_default=True,
    help="Where to tag: this process, or Spark (extra peft-census[spark], Java 17), which writes a folder.",
)
@click.option(
    "--master", metavar="URL", help="With --engine spark: where it runs, such as local[4] or spark://host:7077."
)
@tag_option_decorator
@output_options
def tag(
    source: str, keep_first: bool, out: Path, engine: str, master: str | None, as_json: bool, quiet: bool, **wishes: Any
) -> None:
    """Tag cards and write the mentions table alone.

    \b
    Example:
      peft-census tag --source cards.parquet --out mentions.parquet
      peft-census tag --source 'dump/*.parquet' --out mentions --engine spark --master 'local[2]'
    """
    from peft_census.pipeline.census import make_source, write_mentions
    from peft_census.publish.text.numbers import plural

    tag_options = make_tag_options(wishes, quiet)
    if engine == "spark":
        from peft_census.collect.registry import is_named
        from peft_census.pipeline import spark
        from peft_census.settings import settings

        if keep_first or is_named(source):
            raise UsageError("--engine spark reads Parquet, each model once", "name a file, a folder or a glob.")
        done = spark.write_mentions(source, out, master, settings().batch_rows)
    else:
        if master is not None:
            raise UsageError("--master needs --engine spark", "add it, or leave --master out.")
        if out.is_dir():
            raise UsageError(f"{out} is a folder", "give the Parquet file to write.")
        cards = make_source(source, keep_first, quiet, parse_hub_options(wishes))
        done = write_mentions(cards, out, show_progress(quiet, "cards"), tag_options)
    written = f"{plural(done['mentions'], 'mention')} in {plural(done['cards'], 'card')} → {done['out']}"
    print_result(done, written, as_json)
    finish(done["gaps"], quiet, source=source)


@main.command()
@snapshot_option
@click.option("--rule", metavar="NAME", help="Only this rule, such as blog or blog/split/people.")
@click.option("--table", "table", metavar="NAME", help="Another table: sensitivity, agreement, breakdown, monthly …")
@click.option("--gold", type=click.Path(path_type=Path), metavar="FILE", help="Labels of a sample (see sample-gold).")
@output_options
def count(snapshot: str, rule: str | None, table: str | None, gold: Path | None, as_json: bool, quiet: bool) -> None:
    """Count a snapshot again with today's rules: the standard ones, or the one that --rule names.

    A rule's name is words joined by slashes: blog, any or fractional, then switches such as split (variants
    apart), people (without what tools wrote), applied_only, per_author, collapsed (near-duplicates as one).
    A word that no rule has is answered with the list of all words. The snapshot is not changed.

    --table gives another counted table instead: sensitivity (the headline under every rule), agreement (cited
    against configured), breakdown, monthly, adoption, milestones, concentration, popular.

    --gold corrects LoRA's share for the tagger's errors, from cards that people labelled: those that sample-gold
    drew from this very snapshot.

    \b
    Examples:
      peft-census count
      peft-census count --rule exactly_one/variants_separate/human_only
      peft-census count --table sensitivity
      peft-census count --gold labelled.jsonl
    """
    from peft_census.pipeline.counting import count_again, count_table
    from peft_census.publish.text.terminal import shares_text, table_text

    found = open_snapshot(snapshot)
    if table is not None:
        if rule is not None or gold is not None:
            raise UsageError("--table goes with neither --rule nor --gold", "name one of them.")
        counted = count_table(found, table)
        print_result({"snapshot_id": found.id, table: counted.to_pylist()}, table_text(found, counted), as_json)
        return
    rows = count_again(found, rule)
    facts, text = {"snapshot_id": found.id, "shares": rows.to_pylist()}, shares_text(found, rows)
    if gold is not None:
        from peft_census.pipeline.label_correction import correct
        from peft_census.publish.text.label_correction import corrected_text

        facts["corrected"] = correct(found, gold, rule)
        text += "\n\n" + corrected_text(found, facts["corrected"])
    print_result(facts, text, as_json)


main.add_command(publish)
main.add_command(doctor)
main.add_command(diff)


@main.command()
@click.option(
    "--check",
    "peft_source",
    type=click.Path(path_type=Path),
    metavar="WHEEL_OR_DIR",
    help="Compare with a peft wheel or source folder (read, never imported); exit 3 when something is missing.",
)
@output_options
def techniques(peft_source: Path | None, as_json: bool, quiet: bool) -> None:
    """List the taxonomy, or check it against a release of peft.

    \b
    Examples:
      peft-census techniques
      peft-census techniques --check peft-0.21.2-py3-none-any.whl
    """
    from dataclasses import asdict

    from peft_census.publish.text.terminal import techniques_text
    from peft_census.tag import load_taxonomy

    taxonomy = load_taxonomy()
    if peft_source is None:
        listed = [asdict(technique) for technique in taxonomy.techniques.values()]
        print_result({"sha256": taxonomy.sha256, "techniques": listed}, techniques_text(listed), as_json)
        return
    from peft_census.tag.peft_source import missing, read_peft

    facts = read_peft(peft_source)
    lacking = missing(taxonomy, facts)
    text = "\n".join(lacking) or f"the taxonomy covers peft {facts.version}"
    print_result({"peft_version": facts.version, "missing": lacking}, text, as_json)
    if lacking:
        sys.exit(GAPS)


@main.command()
@click.argument("model_id", required=False)
@snapshot_option
@click.option("--file", "file", type=click.Path(path_type=Path), metavar="README.md", help="Read this card instead.")
@output_options
def explain(model_id: str | None, snapshot: str, file: Path | None, as_json: bool, quiet: bool) -> None:
    """Show what a card cites, on what evidence, and how each rule counts it.

    \b
    Examples:
      peft-census explain acme/llama-lora --snapshot latest
      peft-census explain --file README.md
    """
    from peft_census.pipeline.explain import explain_file, explain_model

    if (model_id is None) == (file is None):
        raise UsageError("name a model of a snapshot, or a card with --file", "see peft-census explain --help.")
    if file is not None:
        facts, text = explain_file(file)
    else:
        facts, text = explain_model(open_snapshot(snapshot), str(model_id))
    print_result(facts, text, as_json)


@main.command()
@click.argument("labels", type=click.Path(path_type=Path), metavar="LABELS.jsonl")
@click.option("--texts", type=click.Path(path_type=Path), metavar="FILE", help="Where to find texts by sha256.")
@click.option("--record", "kept", type=click.Path(path_type=Path), metavar="FILE", help="Keep the figures here.")
@output_options
def gold(labels: Path, texts: Path | None, kept: Path | None, as_json: bool, quiet: bool) -> None:
    """Score the tagger on labelled cards: precision, recall, F1 and every disagreement.

    \b
    Examples:
      peft-census gold data/gold/written.jsonl
      peft-census gold data/gold/real.jsonl --texts cards-with-texts.jsonl.gz
    """
    from peft_census.pipeline.evaluate import gold_text, read_labels, record, score

    result = score(read_labels(labels, texts))
    if kept is not None:
        record(result, labels.name.partition(".")[0], kept)
    print_result(result, gold_text(result), as_json)


main.add_command(sample_gold)


@main.command()
@click.argument("snapshot", default="latest")
@output_options
def show(snapshot: str, as_json: bool, quiet: bool) -> None:
    """Show a snapshot's headline, coverage and provenance.

    \b
    Example:
      peft-census show latest
    """
    from peft_census.pipeline.census import Outcome, find_gaps, summary
    from peft_census.publish.text.terminal import describe_snapshot

    found = open_snapshot(snapshot)
    facts = summary(Outcome(found, True, find_gaps(found)))
    facts["coverage"] = found.table("coverage").to_pylist()
    facts["source"] = found.manifest.source
    print_result(facts, describe_snapshot(found), as_json)


main.add_command(reproduce)


if __name__ == "__main__":
    main()
