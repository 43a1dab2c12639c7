"""The library: numbers and files.  Needs neither Prefect nor MLflow; the package `ganbench` is its public interface."""
