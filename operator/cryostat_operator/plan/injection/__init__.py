"""Adds the Cryostat agent to pods that request it with labels."""
