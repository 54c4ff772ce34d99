"""All tests of the operator; `tests.cluster` holds the real control plane that some of them talk to."""
