"""The library: numbers and files.  Needs neither Prefect nor MLflow; `ganbench` itself is its public door."""
