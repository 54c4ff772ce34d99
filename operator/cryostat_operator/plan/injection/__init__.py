"""Adds the Cryostat agent to pods that ask for it by their labels."""
