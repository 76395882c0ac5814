"""Text: numbers, sentences, tables, post and citation."""
