# The harness only: docker build -t conformance . && docker run --rm conformance run
FROM python:3.12-slim
COPY pyproject.toml README.md LICENSE constraints.txt /src/
COPY conformance /src/conformance
COPY schemas /src/schemas
RUN pip install --no-cache-dir --constraint /src/constraints.txt '/src[fuzz,load]' && useradd --create-home asker
USER asker
WORKDIR /home/asker
ENTRYPOINT ["conformance"]
CMD ["--help"]
