"""Read-only SQL over the tables of one application.

    text -> guard (sqlglot: one query, known tables and functions)
         -> workers (a process of its own, with limits of the operating system)
         -> engine (DuckDB: locked, reads the listed files and nothing else)
         -> cells (Arrow -> JSON)

Guard and engine check on their own, with two different parsers: what one lets through, the other meets.
"""
