"""MODEL -> `ModelSpec` -> `Generator`: names, model files, the table of openers, identity."""
