# The operator's image, on a base that image/build makes without a registry.
FROM scratch
COPY build/image/root/ /
COPY build/carrel /usr/bin/carrel
COPY crds/ /usr/share/carrel/crds/
USER 65532:65532
ENTRYPOINT ["/usr/bin/carrel"]
CMD ["serve"]
