"""The kinds of case a gateway handles, one package each; none imports another."""
