"""What the papers did, one place a notebook."""
