"""What a run costs on a cluster: seconds of each stage, and what further shards save."""
