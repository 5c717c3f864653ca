"""Tables, snapshots, data tests and products: what lies between a data source and the numerics."""
