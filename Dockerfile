# The operator's image. `make image` builds it for amd64 and arm64; docs/release.md says how the base is pinned by digest.
ARG BASE=docker.io/library/python:3.11.13-slim-bookworm

# Built again only when a locked dependency changes.
FROM ${BASE} AS dependencies
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
WORKDIR /source
COPY image image
COPY requirements.lock .
RUN image/dependencies /usr/local/bin/python3 /source /opt/cryostat-operator /opt/tools

FROM dependencies AS build
COPY . .
RUN image/build /source /opt/cryostat-operator /opt/tools

# `--target sbom` gives the bill of materials alone.
FROM scratch AS sbom
COPY --from=build /opt/cryostat-operator/sbom.cdx.json /

FROM ${BASE}
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Cryostat operator" \
      org.opencontainers.image.description="Runs Cryostat, JDK Flight Recorder for containerised JVMs, from one custom resource" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/cryostatio/cryostat-operator" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY LICENSE /licenses/LICENSE
COPY image/gather /usr/bin/gather
COPY --from=build /opt/cryostat-operator /opt/cryostat-operator
ENV PATH=/opt/cryostat-operator/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# Any other user will do, in group 0 or not: nothing in the image is written to. runAsNonRoot needs a number.
USER 65532:0
EXPOSE 8081 9443
ENTRYPOINT ["cryostat-operator"]
CMD ["run", "--log-format", "json"]
