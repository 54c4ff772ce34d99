"""`make upstream`: compares the tables of this operator with the sources of Cryostat."""
