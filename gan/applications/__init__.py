"""What generators are used for.  Each package can be deleted without touching the others."""
