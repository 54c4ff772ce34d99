"""Small programs that replace Cryostat, Grafana and others. They refuse the same input as these (rules.yaml).

They run in the images of tests/node with Debian's Python, so they use the standard library only.
"""
