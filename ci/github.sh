#!/usr/bin/env bash
# Run the harness in a GitHub job: write reports, a summary, annotations and outputs; exit with the run's exit code.
set -euo pipefail

words=(run --suite "$SUITE")
[ -z "$BASE_URL" ] || words+=(--base-url "$BASE_URL")
[ -z "$MODEL" ] || words+=(--model "$MODEL")
[ -z "$DEPLOYMENT" ] || words+=(--deployment "$DEPLOYMENT")
[ -z "$API_KEY_ENV" ] || words+=(--api-key-env "$API_KEY_ENV")
[ -z "$WAIVERS" ] || words+=(--waivers "$WAIVERS")
[ "$STRICT" != true ] || words+=(--strict)
read -r -a more <<<"$ARGUMENTS"

mkdir -p "$REPORTS"
code=0
if [[ -z "$BASE_URL$DEPLOYMENT" && "$ARGUMENTS" != *--target* ]]; then
    echo "::error title=base-url is missing::Set the input base-url. To try the action without a target, set deployment: native-sse."
    code=2
else
    conformance "${words[@]}" "${more[@]}" --run-dir "$REPORTS/run" \
        --report "json=$REPORTS/report.json" --report "junit=$REPORTS/junit.xml" \
        --report "sarif=$REPORTS/report.sarif" --report "html=$REPORTS/report.html" \
        --report "markdown=$REPORTS/summary.md" --report "github=$REPORTS/annotations" || code=$?
fi

[ ! -s "$REPORTS/annotations" ] || cat "$REPORTS/annotations"
[ ! -s "$REPORTS/summary.md" ] || cat "$REPORTS/summary.md" >>"$GITHUB_STEP_SUMMARY"
case $code in
0) verdict=conformant ;;
1) verdict=not-conformant ;;
3) verdict=not-tested ;;
*) verdict=failed ;;
esac
count() {
    python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["summary"]["failed"][sys.argv[2]])' \
        "$REPORTS/report.json" "$1" 2>/dev/null || echo 0
}
{
    echo "verdict=$verdict"
    echo "exit-code=$code"
    echo "must-failed=$(count MUST)"
    echo "should-failed=$(count SHOULD)"
    echo "reports=$REPORTS"
} >>"$GITHUB_OUTPUT"
exit "$code"
