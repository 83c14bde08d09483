"""Batch training: from the history in Delta to a registered, explained, comparable model.

Delta events, features -> datasets -> split by time -> trainers -> evaluation -> MLflow run, version
run's model and held-out rows -> diagnostics -> Result (core.diagnostics) -> Redis -> API -> screen
requests (core.batch) -> Redis queue -> worker -> reports and log lines -> Redis -> API -> screen
"""
