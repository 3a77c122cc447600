# Two images from one build: `--target api` and `--target worker`.
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS manifests
WORKDIR /berth
ENV TURBO_TELEMETRY_DISABLED=1 NO_UPDATE_NOTIFIER=1
# Only these decide what npm installs, so a change of code doesn't install again.
COPY package.json package-lock.json .npmrc ./
COPY packages/core/package.json packages/core/
COPY packages/ec2-simulator/package.json packages/ec2-simulator/
COPY packages/client/package.json packages/client/
COPY apps/api/package.json apps/api/
COPY apps/worker/package.json apps/worker/
COPY apps/standalone/package.json apps/standalone/
COPY apps/demo/package.json apps/demo/
COPY apps/cli/package.json apps/cli/
COPY apps/console/package.json apps/console/

FROM manifests AS build
# No install scripts: what is built here needs none of the databases and bindings that they fetch.
RUN npm ci --ignore-scripts
COPY turbo.json tsconfig.json tsconfig.base.json ./
COPY packages packages
COPY apps apps
RUN npx turbo run build --filter=@berth/api --filter=@berth/worker --filter=@berth/console

FROM manifests AS production
RUN npm ci --ignore-scripts --omit=dev --workspace @berth/api --workspace @berth/worker \
  # An optional peer of a library, which npm takes in because the lockfile has it for the build.
  && rm -rf node_modules/typescript node_modules/@typescript
# What the images hold of npm; of Debian's packages they have dpkg's own list, which scanners read.
COPY scripts/sbom.mjs scripts/
RUN node scripts/sbom.mjs @berth/api @berth/worker >sbom.json

FROM ${NODE_IMAGE} AS runtime
# Reaps what a killed child leaves behind, and passes signals on.
RUN apt-get update && apt-get install -y --no-install-recommends tini && rm -rf /var/lib/apt/lists/*
# Of which commit, and on what, they were made.
ARG NODE_IMAGE
ARG REVISION
LABEL org.opencontainers.image.licenses=Apache-2.0 \
  org.opencontainers.image.revision=${REVISION} \
  org.opencontainers.image.base.name=${NODE_IMAGE}
WORKDIR /berth
ENV NODE_ENV=production
COPY --from=production /berth ./
COPY --from=build /berth/packages/core/migrations packages/core/migrations
COPY --from=build /berth/packages/core/dist packages/core/dist
USER node
ENTRYPOINT ["tini", "--"]

FROM runtime AS worker
USER root
# For places whose host is `ssh://`.
RUN apt-get update && apt-get install -y --no-install-recommends openssh-client && rm -rf /var/lib/apt/lists/*
USER node
COPY --from=build /berth/apps/worker/dist apps/worker/dist
ENV BERTH_WORKER_PORT=9464
EXPOSE 9464
HEALTHCHECK --interval=10s --timeout=10s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.BERTH_WORKER_PORT}/health`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "apps/worker/dist/main.js"]

FROM runtime AS api
COPY --from=build /berth/apps/api/dist apps/api/dist
COPY --from=build /berth/apps/console/dist apps/console/dist
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=10s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 8080}/health`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "apps/api/dist/main.js"]
