"""Converts values of the Helm chart `cryostat` (cryostatio/cryostat-helm, 2.3) to a Cryostat."""
