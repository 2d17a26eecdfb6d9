# The operator's image: the program, the libraries that it links with, and nothing else.
# `make image` builds it without a registry, on a Debian 12 that it makes itself. With a registry:
#     docker build --build-arg VERSION="$(git describe --tags --always)" -t carrel .
ARG BASE=debian:12-slim

FROM ${BASE} AS build
RUN command -v make >/dev/null || { apt-get update && apt-get install -y --no-install-recommends make; }
WORKDIR /src
COPY Makefile ./
COPY image/compiler image/collect image/
RUN make setup PACKAGE_LISTS=image/compiler
COPY . .
ARG VERSION=0.1.0-dev
RUN make -j"$(nproc)" build VERSION="$VERSION" PACKAGE_LISTS=image/compiler && image/collect build/carrel /image

FROM scratch
ARG VERSION=0.1.0-dev
LABEL org.opencontainers.image.title="Carrel" \
      org.opencontainers.image.description="A live place to run code for each user: the operator" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=build /image/ /
COPY crds/ /usr/share/carrel/crds/
USER 65532:65532
EXPOSE 8081
ENTRYPOINT ["/usr/bin/carrel"]
CMD ["serve"]
