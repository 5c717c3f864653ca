"""The sampling engine: `export` turns a PyMC model into a density, `plan` names what decides a chain, `shard`
samples chains without PyMC. Import the modules themselves: each pays only for what it uses."""
