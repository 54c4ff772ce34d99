"""Agent auto-configuration: what is added to pods that ask for the Cryostat agent by their labels."""
