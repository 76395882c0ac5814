"""Compares the mentions of two releases: exit code 0 if the rows are the same under the renamed columns.

Write both files with ``peft-census tag --source CARDS --out FILE``, one with the last commit before the move
(5dc9eed), one with this commit. Run for the specimen, ../shared/real/model_cards and ../shared/real/recent_cards.
"""

import sys

import pyarrow.parquet as pq

RENAMED = {"rung": "evidence_level", "zone": "location", "guard": "disambiguation_rule"}

before, after = (pq.read_table(file) for file in sys.argv[1:3])
before = before.rename_columns([RENAMED.get(name, name) for name in before.column_names])
same = before.equals(after)
print(f"{before.num_rows:,} rows before, {after.num_rows:,} after: {'the same' if same else 'different'}")
sys.exit(not same)
