"""Serve a model file with llama.cpp's own HTTP server until standard input closes.

Usage: llama_cpp.py MODEL PORT SEED [embeddings]
"""

import sys

import xllamacpp

if __name__ == "__main__":
    parameters = xllamacpp.CommonParams()
    parameters.model.path = sys.argv[1]
    parameters.port = int(sys.argv[2])
    parameters.sampling.seed = int(sys.argv[3])
    parameters.n_ctx = 131072
    parameters.n_parallel = 4
    # More threads wait for each other by spinning, which costs far more CPU than the tiny model.
    parameters.cpuparams.n_threads = 1
    parameters.cpuparams_batch.n_threads = 1
    parameters.model_alias = {"tiny"}
    if sys.argv[4:] == ["embeddings"]:
        parameters.embedding = True
        parameters.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    server = xllamacpp.Server(parameters)
    print("listening on", server.listening_address, flush=True)
    sys.stdin.read()
