"""The words a user may write in a `Cryostat`, version by version, and the schema made from them."""
