"""Learning curves of any training: logs are read into one table, smoothed, drawn, and diagnosed in sentences.

`read_logs` reads what other tools write; `diagnose` says what the curves show and what to do.
"""
