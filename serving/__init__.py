"""The HTTP API: the one door to live models, tables and state.

    Redis (snapshots, reports) -> live_models -> predict, scores
    broker (end offsets, valid, dlq) -> tally -> status
    lake (Delta tables) -> tables -> status, sql
    sql text -> sql.guard -> sql.workers -> rows

Background threads bring in what requests need; a prediction touches memory only.
"""
