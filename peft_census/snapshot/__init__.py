"""Snapshots on disk: their tables, columns, manifests and files."""
