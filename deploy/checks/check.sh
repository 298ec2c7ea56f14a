#!/bin/sh
# What a platform team would ask of the image and the chart: every tool says yes, or this fails. `make check` runs it
# whenever something below deploy/ or the Dockerfile has changed since it last passed.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
peers=${PEERS:-$root/.peers}
chart=$root/deploy/helm/twelvelead
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
command -v promtool > /dev/null || { echo "promtool is not here: apt-get install prometheus" >&2; exit 1; }

"$peers/hadolint/bin/hadolint" "$root/Dockerfile"

# Every feature, by both helms, which must agree.
for values in "$chart"/ci/*-values.yaml; do
    name=$(basename "$values" -values.yaml)
    for version in 3 4; do
        helm=$peers/helm-$version/helm
        "$helm" lint --strict --quiet "$chart" --values "$values" > "$out/lint" 2>&1 || { cat "$out/lint"; exit 1; }
        mkdir -p "$out/helm-$version"
        "$helm" template ecg "$chart" --namespace ecg --values "$values" > "$out/helm-$version/$name.yaml"
    done
    cmp "$out/helm-3/$name.yaml" "$out/helm-4/$name.yaml"
done

# No schema of the Prometheus operator's resources can be had here; promtool looks at what is in one of them, below.
for version in 1.29 1.35; do
    "$peers/kubernetes-validate/bin/kubernetes-validate" -k $version --strict --quiet "$out"/helm-4/*.yaml > "$out/warned" 2>&1 ||
        { cat "$out/warned"; exit 1; }
    if grep -v "PrometheusRule\|ServiceMonitor" "$out/warned"; then exit 1; fi
done

# Whatever fails and is not listed with its reason in checkov.yaml fails this.
( cd "$out" && "$peers/checkov/bin/checkov" --config-file "$root/deploy/checks/checkov.yaml" --directory helm-4 > checkov 2>&1 ) ||
    { cat "$out/checkov"; exit 1; }

python3 - "$out/helm-4/monitoring.yaml" "$out/rules.yaml" << 'END'
import sys
text = open(sys.argv[1]).read().split("kind: PrometheusRule")[1].split("\n---")[0]
lines = text[text.index("  groups:"):].splitlines()
open(sys.argv[2], "w").write("\n".join(line[2:] for line in lines) + "\n")
END
promtool check rules "$out/rules.yaml" > "$out/promtool" || { cat "$out/promtool"; exit 1; }
cp "$root/deploy/checks/rules_test.yaml" "$out/"
promtool test rules "$out/rules_test.yaml" > "$out/promtool" 2>&1 || { cat "$out/promtool"; exit 1; }
echo "The image and the chart are in order: $(ls "$chart"/ci | wc -l) sets of values, 2 helms, 2 Kubernetes versions."
