"""What a user names -> `ModelSpec` -> `Generator`: names, model files, the table of openers, identity."""
