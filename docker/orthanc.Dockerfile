# Orthanc with DICOMweb from Debian, as npm start installs it.
FROM debian:bookworm-slim AS config
RUN apt-get update && apt-get install --yes --no-install-recommends jq && rm -rf /var/lib/apt/lists/*
COPY orthanc-config/orthanc.json /base.json
COPY docker/orthanc.json /container.json
COPY docker/orthanc-postgres.json /postgres.json
# Orthanc refuses a key that is in two of its files. One file per place where its index may be.
RUN mkdir /config && jq --slurp '.[0] * .[1]' /base.json /container.json > /config/sqlite.json \
 && jq --slurp '.[0] * .[1] * .[2]' /base.json /container.json /postgres.json > /config/postgres.json

FROM debian:bookworm-slim
RUN apt-get update && apt-get install --yes --no-install-recommends orthanc orthanc-dicomweb orthanc-postgresql curl && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 10002 dicom && useradd --uid 10002 --gid 10002 --no-create-home dicom \
 && install --directory --owner=10002 --group=10002 --mode=0700 /var/lib/cerebloom-orthanc
COPY --from=config /config /etc/cerebloom
ENV LC_ALL=C.UTF-8
USER 10002:10002
VOLUME /var/lib/cerebloom-orthanc
EXPOSE 4242
CMD ["/usr/sbin/Orthanc", "/etc/cerebloom/sqlite.json"]
