"""The drawing office: what the world of one Cryostat should look like, computed without touching anything."""
