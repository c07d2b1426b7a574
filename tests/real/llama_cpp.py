"""Serve a model file with llama.cpp's own HTTP server until standard input closes. Usage: llama_cpp.py MODEL PORT"""

import sys

import xllamacpp

if __name__ == "__main__":
    parameters = xllamacpp.CommonParams()
    parameters.model.path = sys.argv[1]
    parameters.port = int(sys.argv[2])
    parameters.n_ctx = 131072
    parameters.n_parallel = 4
    parameters.n_predict = 96
    parameters.sampling.seed = 42
    parameters.sampling.temp = 0.0
    parameters.model_alias = "tiny" if isinstance(parameters.model_alias, str) else {"tiny"}
    server = xllamacpp.Server(parameters)
    print("listening on", server.listening_address, flush=True)
    sys.stdin.read()
