"""The Flink jobs: from raw messages to checked events, and from those to tables.

    <app>.events -> ingest -> <app>.valid -> lakehouse -> Delta table <app>/events
                          `-> <app>.dlq      `-> features -> <app>.features

Runs in its own environment (`requirements.txt` beside this file): PyFlink pins old numpy, pandas, pyarrow.
Nothing here imports pyflink except the functions that build a job.
"""
