# The gateway and the worker: one image, two commands.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN ONNXRUNTIME_NODE_INSTALL=skip npm ci --omit=dev --no-audit --loglevel=error
COPY . .
# What npm start fetches at run time is part of the image: a hospital's server may not reach the internet.
RUN node --input-type=module -e "await (await import('/app/launch/install-ohif.ts')).installOhif()" \
 && node --input-type=module -e "await (await import('/app/extension/build.ts')).buildPlugins('/app/.cerebloom/plugins')" \
 && node --input-type=module -e "await (await import('/app/pages/build.ts')).buildPages('/app/.cerebloom/plugins')"
RUN apt-get update && apt-get install --yes --no-install-recommends python3-pip && rm -rf /var/lib/apt/lists/*
RUN CEREBLOOM_HOME=/tmp/home node inference-server/src/cli/models.ts get brain-extraction \
 && mv /tmp/home/models/brain-extraction models/

FROM node:24-bookworm-slim
ENV NODE_ENV=production NODE_OPTIONS=--disable-warning=ExperimentalWarning
# Numbers of its own, so that the volume's owner does not depend on the base image.
RUN groupadd --gid 10001 cerebloom && useradd --uid 10001 --gid 10001 --no-create-home cerebloom \
 && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/cerebloom
WORKDIR /app
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/package.json package.json
COPY --from=build /app/inference-server inference-server
# The head phantom is the atlas that finds the brain where its networks are absent.
COPY --from=build /app/demo/src/phantom demo/src/phantom
COPY --from=build /app/extension extension
COPY --from=build /app/mode mode
COPY --from=build /app/models models
COPY --from=build /app/orthanc-config/routing.json orthanc-config/routing.json
COPY --from=build /app/docker/worker-health.ts /app/docker/gateway-health.ts docker/
COPY --from=build /app/.cerebloom/ohif ohif
COPY --from=build /app/.cerebloom/plugins plugins
USER 10001:10001
VOLUME /var/lib/cerebloom
CMD ["node", "inference-server/src/main.ts"]
