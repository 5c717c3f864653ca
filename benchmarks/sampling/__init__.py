"""The sampling engine against `pm.sample`, nutpie and NumPyro on the flights model."""
