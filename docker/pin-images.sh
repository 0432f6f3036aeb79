#!/usr/bin/env bash
# Writes the digest that each base image has in its registry today into the Dockerfiles, so that the next build takes exactly these.
# Run it again to take newer ones; `git diff docker` shows what changed, `git checkout docker` goes back to tags.
set -euo pipefail
cd "$(dirname "$0")"
for file in *.Dockerfile; do
  sed -nE 's/^FROM ([^ @]+)(@sha256:[0-9a-f]{64})?( AS .*)?$/\1/p' "$file" | sort -u | while read -r image; do
    digest=$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$image")
    [[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || { echo "$image has no digest: $digest" >&2; exit 1; }
    sed -i -E "s|^FROM $image(@sha256:[0-9a-f]{64})?( AS .*)?$|FROM $image@$digest\2|" "$file"
    echo "$file: $image@$digest"
  done
done
