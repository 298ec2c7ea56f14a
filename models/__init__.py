"""The networks: canonical tensor in, prediction and explanation out. The only product package that knows torch."""
