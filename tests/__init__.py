"""All tests of the operator. `tests.cluster` contains the control plane that some of them use."""
