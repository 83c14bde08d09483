"""Live learners: one process per application asks its model about every event, and teaches it late.

[<app>.valid] -> source -> merge (event time) -> learner: ask -> wait for the label -> teach -> scores
                                                  `-> [<app>.predictions], Redis, MLflow
"""
