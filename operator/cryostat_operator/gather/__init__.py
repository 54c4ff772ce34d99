"""The command `must-gather`: an archive for a support case, without values of Secrets."""
