"""Values of the chart `cryostat` (cryostatio/cryostat-helm, 2.3) as a Cryostat."""
