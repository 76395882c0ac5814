"""Publishing: a snapshot in, files for readers out. The only package that imports Matplotlib and Jinja2.

``folder`` writes everything; ``claims`` holds the numbers with their sentences; ``charts``, ``text`` and ``report`` are
the formats.
"""
